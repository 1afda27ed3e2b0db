"""The merge of a function: decorators, signature and docstring, then the body by statement."""

import ast
import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from ltscaffold.merge.draft import Draft, Mark, concatenate, conflict, review
from ltscaffold.merge.syntax import DOCSTRING, Definition, Function, Source
from ltscaffold.merge.units import Unit

Version = tuple[Source, Function]


def merge_function(name: str, ours: Version, base: Version, theirs: Version) -> Draft:
    """Return the merge of a function that both sides changed.

    The body of an implemented stub is the user's; other bodies are merged by statement.

    Args:
        name: of the function, for messages.
        ours: its module and node as edited.
        base: as rendered before.
        theirs: as rendered now.
    """
    versions = (ours, base, theirs)
    headers, bodies = map(_header_parts, versions), [_body(version) for version in versions]
    head, changed, kept = Draft(), [], False
    for part, (mine, own), (old, before), (new, after) in zip(
        ("decorators", "signature", DOCSTRING), *headers, strict=True
    ):
        clash = len({own, before, after}) == 3
        if clash or (before != after and part != DOCSTRING):
            changed.append(part)
        head.append(Draft(new if mine == old or own == before != after else mine))
        kept = kept or clash
    code = [[unit.form for unit in units] for units in bodies]
    implemented = code[0] != code[1]
    if implemented and _is_stub(bodies[1]):
        body = concatenate(unit.merged for unit in bodies[0])
        if code[0] != code[2] != code[1]:
            changed.append("body")
    else:
        body = _merge_bodies(name, *bodies)
    head.append(body)
    if (implemented and changed) or kept:
        head.marks.insert(0, Mark(0, "review", _message(name, changed, theirs)))
    return head


def _header_parts(version: Version) -> list[tuple[str, str]]:
    """Return text and normal form of decorators, signature and docstring."""
    source, node = version
    above = source.text(source.start(node), node.lineno - 1)
    decorators = [ast.dump(decorator) for decorator in node.decorator_list]
    decorators += re.findall(r"^ *(#.*)", above.expandtabs(), re.MULTILINE)
    returns = "" if node.returns is None else ast.dump(node.returns)
    docstring = ast.get_docstring(node)
    signature = f"{type(node)} {node.name} {ast.dump(node.args)} {returns}"
    return [
        (above, repr(decorators)),
        (source.text(node.lineno, source.header_end(node)), signature),
        (source.members(node)[0].merged.text if docstring is not None else "", repr(docstring)),
    ]


def _body(version: Version) -> list[Unit]:
    """Return the statements after the docstring."""
    source, node = version
    return source.members(node)[ast.get_docstring(node) is not None :]


def _is_stub(body: Sequence[Unit]) -> bool:
    """Return whether a body only calls the base class."""
    first = body[0].node if body else None
    returned = len(body) == 1 or (len(body) == 2 and isinstance(body[1].node, ast.Return))
    value = getattr(first, "value", None)
    return value is not None and returned and "super()" in ast.unparse(value)


def _message(name: str, changed: Sequence[str], theirs: Version) -> str:
    """Return the message of a review of a function.

    Args:
        name: name of the function.
        changed: the parts that the template changed, of decorators, signature, docstring and body.
        theirs: the function as rendered now, whose parameters or decorators the message shows.
    """
    _, node = theirs
    if "signature" in changed:
        returns = "" if node.returns is None else f" -> {ast.unparse(node.returns)}"
        return f"{name}: the template now has the parameters ({ast.unparse(node.args)}){returns}"
    if "decorators" in changed:
        return f"{name}: the template now has {decorators_of(node)}"
    return f"{name}: the template changed the {' and '.join(changed)}; yours is kept"


def decorators_of(node: Definition) -> str:
    """Return the decorators of a function or class, for a message."""
    names = ", ".join(f"@{ast.unparse(decorator)}" for decorator in node.decorator_list)
    return f"the decorators {names or 'none'}"


def _forms(units: Sequence[Unit]) -> list[object]:
    return [_form(unit) for unit in units]


def _form(unit: Unit) -> tuple[object, ...]:
    """Return the normal form of a statement and of the comments above it."""
    return (unit.form, tuple(line.strip("# \t") for line in unit.lead.split("\n")))


def _merge_bodies(
    name: str, ours: Sequence[Unit], base: Sequence[Unit], theirs: Sequence[Unit]
) -> Draft:
    """Merge the statements of a body in hunks between unchanged ones, as diff3 does lines.

    Args:
        name: name of the function, for messages.
        ours: the statements as edited.
        base: as rendered before.
        theirs: as rendered now.
    """
    result, positions = Draft(), (0, 0, 0)
    for mine, old, new in _common_statements(ours, base, theirs):
        hunk = ours[positions[0] : mine], base[positions[1] : old], theirs[positions[2] : new]
        result.append(_merge_hunk(name, *hunk))
        if old < len(base):
            same = ours[mine].text == base[old].text
            result.append((theirs[new] if same else ours[mine]).merged)
        positions = (mine + 1, old + 1, new + 1)
    return result


def _common_statements(
    ours: Sequence[Unit], base: Sequence[Unit], theirs: Sequence[Unit]
) -> list[tuple[int, int, int]]:
    """Return the positions of the statements that no version changed, as (ours, base, theirs).

    The last entry has the lengths of the three lists: the positions behind their ends.
    """
    mine, new = _matches(base, ours), _matches(base, theirs)
    both = [(mine[old], old, new[old]) for old in sorted(mine.keys() & new.keys())]
    return [*both, (len(ours), len(base), len(theirs))]


def _matches(base: Sequence[Unit], other: Sequence[Unit]) -> dict[int, int]:
    """Return the position in `other` of each statement of `base` that is unchanged there."""
    matcher = SequenceMatcher(None, _forms(base), _forms(other), autojunk=False)
    return {
        block.a + index: block.b + index
        for block in matcher.get_matching_blocks()
        for index in range(block.size)
    }


def _merge_hunk(
    name: str, ours: Sequence[Unit], base: Sequence[Unit], theirs: Sequence[Unit]
) -> Draft:
    """Merge the statements between two that no version changed.

    Args:
        name: name of the function, for messages.
        ours: the statements as edited.
        base: the statements as rendered before.
        theirs: the statements as rendered now.
    """
    mine, old, new = map(_forms, (ours, base, theirs))
    texts = [concatenate(unit.merged for unit in units) for units in (ours, base, theirs)]
    if new in (old, mine) or (new and _find(mine, new) is not None):
        return texts[0]
    if mine == old:
        return texts[2]
    if not old:
        message = f"{name}: you and the template added statements here; check their order"
        return concatenate([review(texts[0].text, message), texts[2]])
    if (start := _find(mine, old)) is not None:
        around = (ours[:start], theirs, ours[start + len(old) :])
        return concatenate(unit.merged for units in around for unit in units)
    if (start := _find(new, old)) is not None:
        above, below = theirs[:start], theirs[start + len(old) :]
        above = () if mine[:start] == new[:start] else above  # already in ours
        below = () if below and mine[-len(below) :] == new[-len(below) :] else below
        return concatenate(unit.merged for units in (above, ours, below) for unit in units)
    marked = [text.text for text in texts]
    return conflict(marked[0], marked[1], marked[2], f"{name}: choose between the marked lines")


def _find(long: Sequence[object], short: Sequence[object]) -> int | None:
    """Return the first position of `short` in `long`, or None if it does not occur."""
    size = len(short)
    starts = range(len(long) - size + 1)
    return next((i for i in starts if list(long[i : i + size]) == list(short)), None)
