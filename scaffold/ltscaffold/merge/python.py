"""The merge of Python modules by class member and statement."""

import ast
from collections.abc import Container, Sequence
from functools import partial

from ltscaffold.merge.draft import Draft, Mark, concatenate, conflict, review
from ltscaffold.merge.functions import decorators_of, merge_function
from ltscaffold.merge.imports import merge_imports
from ltscaffold.merge.indentation import indented
from ltscaffold.merge.lines import merge_lines
from ltscaffold.merge.syntax import DOCSTRING, Function, Source, is_import
from ltscaffold.merge.units import Unit, merge_units
from ltscaffold.merge.verify import Names, defects


def merge_python(ours: str, base: str, theirs: str) -> Draft | None:
    """Return the merge of a module, or None if a version has a syntax error.

    Args:
        ours: the module as edited, with LF line endings.
        base: the module as rendered before.
        theirs: the module as rendered now.

    Returns:
        The merged text, marks for conflicts and for edits to review, and notes.
    """
    try:
        mine = Source(ours)
        old, new = (indented(text, mine) for text in (base, theirs))
        return _verified(mine, old, new)
    except (SyntaxError, ValueError, RecursionError):
        return None


def _verified(ours: Source, base: Source, theirs: Source) -> Draft:
    """Return the merge by member, if it has no defects (see `verify.defects`).

    Else the merge by member that keeps the removed members that code of ours uses, else the merge
    by line, else the second one with its defects as marks.
    """
    sources = (ours, base, theirs)
    names = [Names(source.tree) for source in sources]
    draft, found = _checked(names, _merge_module(*sources))
    if not found:
        return draft
    kept = {_about(mark) for mark in found}
    draft, found = _checked(names, _merge_module(*sources, kept=kept))
    if found:
        mine, old, new = ("".join(source.lines).encode() for source in sources)
        merged, conflicts = merge_lines(mine, old, new)
        by_line = Draft(merged.decode())
        if not conflicts and not _checked(names, by_line)[1]:
            return by_line
    draft.marks += found
    return draft


def _checked(names: Sequence[Names], draft: Draft) -> tuple[Draft, list[Mark]]:
    """Return a draft, and its defects that no mark of it reports.

    Args:
        names: the names of ours, base and theirs.
        draft: the merged module. One with conflicts is not Python, and has no defects here.
    """
    if any(mark.kind == "conflict" for mark in draft.marks):
        return draft, []
    ours, base, theirs = names
    reported = set(map(_about, draft.marks))
    found = defects(ours, base, theirs, Names(ast.parse(draft.text)))
    return draft, [mark for mark in found if _about(mark) not in reported]


def _about(mark: Mark) -> str:
    """Return the name that a mark is about."""
    return mark.message.partition(": ")[0]


def _merge_module(ours: Source, base: Source, theirs: Source, kept: Container[str] = ()) -> Draft:
    """Return the merge of a module by member and statement.

    Args:
        ours: the module as edited.
        base: as rendered before.
        theirs: as rendered now.
        kept: names of members to keep though theirs removed them.
    """
    units = [source.units() for source in (ours, base, theirs)]
    mine, old, new = ([unit for unit in each if not is_import(unit)] for each in units)
    combine = partial(_combine, (ours, base, theirs), kept)
    merged, notes = merge_units(mine, old, new, combine, kept)
    united, more = merge_imports(_with_imports(merged, units[0]), ours, base, theirs)
    draft = concatenate(unit.merged for unit in united)
    draft.notes[:0] = [*notes, *more]
    if ours.lines and not ours.lines[-1].endswith("\n"):
        draft.text = draft.text.removesuffix("\n")
    return draft


def _with_imports(merged: list[Unit], ours: list[Unit]) -> list[Unit]:
    """Return merged statements with the imports of ours at their former positions.

    Args:
        merged: the merged statements without imports.
        ours: all statements as edited.
    """
    keys, pending = {unit.key for unit in merged}, iter(merged)
    order: list[Unit] = []
    for unit in ours:
        if is_import(unit):
            order.append(unit)
        elif unit.key in keys:
            for each in pending:
                order.append(each)
                if each.key == unit.key:
                    break
    return [*order, *pending]


def _combine(
    sources: tuple[Source, Source, Source],
    kept: Container[str],
    ours: Unit,
    base: Unit,
    theirs: Unit,
) -> Draft:
    """Merge a statement that both sides changed.

    Args:
        sources: the modules of ours, base and theirs.
        kept: names of members of a class to keep though theirs removed them.
        ours: the statement as edited.
        base: as rendered before.
        theirs: as rendered now.
    """
    mine, old, new = zip(sources, (ours.node, base.node, theirs.node), strict=True)
    versions = (mine, old, new)
    is_function = all(isinstance(node, Function) for _, node in versions)
    if is_function or all(isinstance(node, ast.ClassDef) for _, node in versions):
        if any(source.is_one_line(node) for source, node in versions):
            return review(ours.text, f"{ours.key}: the template changed it; yours is kept")
        return merge_function(ours.key, *versions) if is_function else _merge_class(kept, *versions)
    if ours.key == DOCSTRING or isinstance(ours.node, ast.Assign | ast.AnnAssign):
        shown = "" if ours.key == DOCSTRING else f": {' '.join(theirs.text.split())}"
        return review(ours.text, f"{ours.key}: the template also changed it{shown}; yours is kept")
    message = f"{ours.key}: choose between the marked lines"
    return conflict(ours.text, base.text, theirs.text, message)


def _merge_class(kept: Container[str], *versions: tuple[Source, ast.ClassDef]) -> Draft:
    sources, nodes = zip(*versions, strict=True)
    head, missed = Draft(), []
    for shown, (mine, own), (_, before), (new, after) in zip(
        (decorators_of(nodes[2]), ""), *map(_head_parts, versions), strict=True
    ):
        head.append(Draft(new if own == before != after else mine))
        if len({own, before, after}) == 3:
            missed.append(shown or new.strip())
    if missed:
        message = f"{nodes[0].name}: the template now has {' and '.join(missed)}; yours is kept"
        head.marks.append(Mark(0, "review", message))
    ours, base, theirs = (source.members(each) for source, each in versions)
    merged, notes = merge_units(ours, base, theirs, partial(_combine, sources, kept), kept)
    return concatenate([head, *(unit.merged for unit in merged), Draft(notes=notes)])


def _head_parts(version: tuple[Source, ast.ClassDef]) -> list[tuple[str, str]]:
    """Return text and normal form of the decorators, and of the name and bases."""
    source, node = version
    return [
        (
            source.text(source.start(node), node.lineno - 1),
            repr([*map(ast.dump, node.decorator_list)]),
        ),
        (
            source.text(node.lineno, source.header_end(node)),
            repr([node.name, *map(ast.dump, [*node.bases, *node.keywords])]),
        ),
    ]
