"""Candidate edits of a template for an edit of its rendered file; rendering confirms them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import takewhile
from os.path import commonprefix

EXPRESSION = re.compile(r"\{\{-? (.+?) -?\}\}")
SYNTAX = ("{{", "{%", "{#")
MIN_LITERAL_CHARS = 3
"""Literal characters that a template line needs to be matched."""


@dataclass(frozen=True)
class Hunk:
    """An edit of a rendered file.

    Attributes:
        before: all lines above the edit.
        old: the lines as rendered; empty if lines were inserted.
        new: the lines as edited; empty if lines were deleted.
        after: all lines below the edit.
    """

    before: list[str]
    old: list[str]
    new: list[str]
    after: list[str]

    @property
    def size(self) -> int:
        """The number of differing lines."""
        return len(self.old) + len(self.new)

    @property
    def line(self) -> int:
        """Its first line in the rendered file, from 1."""
        return len(self.before) + 1


def hunks(rendered: str, edited: str) -> list[Hunk]:
    """Return the edits that lead from one text to another.

    Args:
        rendered: the text as rendered.
        edited: the text as edited. Lines that replace as many lines are a hunk each.
    """
    old, new = rendered.splitlines(keepends=True), edited.splitlines(keepends=True)
    codes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    found = []
    for tag, i, j, m, n in codes:
        if tag == "replace" and j - i == n - m:
            found += [
                Hunk(old[:k], [old[k]], [line], old[k + 1 :])
                for k, line in enumerate(new[m:n], i)
                if line != old[k]
            ]
        elif tag != "equal":
            found.append(Hunk(old[:i], old[i:j], new[m:n], old[j:]))
    return found


def candidate_edits(template: str, hunk: Hunk, name: str) -> Iterator[tuple[int, str]]:
    """Yield candidates: a score, higher if more likely, and a new text of the template.

    Args:
        template: the text of the template.
        hunk: the edit.
        name: name of the component; a candidate has an expression in its place.
    """
    lines = template.splitlines(keepends=True)
    expressions = dict(_values(lines, [*hunk.before, *hunk.old, *hunk.after]))
    for likelihood, start, end, shift in _line_candidates(lines, hunk):
        text = _as_template("".join(_shifted(hunk.new, shift)), expressions, name)
        if text is not None:
            yield likelihood, "".join([*lines[:start], text, *lines[end:]])
    yield from _inline_candidates(template, hunk, name)


def _line_candidates(lines: list[str], hunk: Hunk) -> Iterator[tuple[int, int, int, int]]:
    """Yield the places of a template whose whole lines can render to the old lines.

    Args:
        lines: the lines of the template.
        hunk: the edit.

    Yields:
        The score, the first line from 0, the line after the last one, and the indentation of the
        template beyond that of the rendered lines, in characters.
    """
    size = len(hunk.old)
    for start in range(len(lines) - size + 1):
        end = start + size
        if not all(map(_can_render, lines[start:end], hunk.old)):
            continue
        above = _matching(lines[:start][::-1], hunk.before[::-1])
        below = _matching(lines[end:], hunk.after)
        if hunk.old or above or below:
            line, given = start, hunk.old[:1]
            if not hunk.old:
                line, given = (start - 1, hunk.before[-1:]) if above else (end, hunk.after[:1])
            shift = _indentation(lines[line]) - _indentation(given[0])
            yield 1000 + sum(map(len, (*hunk.old, *above, *below))), start, end, shift


def _inline_candidates(template: str, hunk: Hunk, name: str) -> Iterator[tuple[int, str]]:
    """Yield score and new text for each place of the template with the part that was edited.

    Args:
        template: the text of the template.
        hunk: the edit, of which only the differing part is looked up.
        name: name of the component.
    """
    old, new = "".join(hunk.old), "".join(hunk.new)
    head = len(commonprefix([old, new]))  # noqa: RUF071  # not a path
    tail = len(commonprefix([old[head:][::-1], new[head:][::-1]]))  # noqa: RUF071
    text = _as_template(new[head : len(new) - tail], {}, name)
    if not hunk.old or text is None:
        return
    before = "".join(hunk.before[-1:]) + old[:head]
    removed, after = old[head : len(old) - tail], old[len(old) - tail :] + "".join(hunk.after[:1])
    for found in re.finditer(rf"(?={re.escape(removed)})", template):
        start, end = found.start(), found.start() + len(removed)
        above = commonprefix([before[::-1], template[:start][::-1]])  # noqa: RUF071
        below = commonprefix([after, template[end:]])  # noqa: RUF071
        if len(above.strip()) + len(below.strip()) >= MIN_LITERAL_CHARS:
            line = template[template.rfind("\n", 0, start) + 1 : start]
            quote_path = text.replace('"', '\\"') if line.startswith("{%") else text
            yield len(above) + len(below), template[:start] + quote_path + template[end:]


def _values(lines: list[str], rendered: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the rendered text of each expression, and the expression.

    Args:
        lines: the lines of the template.
        rendered: the lines of the rendered file.
    """
    for line in lines:
        whole = EXPRESSION.findall(line)
        for given in rendered if whole else []:
            found = _pattern(line).fullmatch(given.strip())
            if found and _literal_length(line) >= MIN_LITERAL_CHARS:
                yield from zip(found.groups(), [f"{{{{ {code} }}}}" for code in whole], strict=True)


def _as_template(text: str, expressions: dict[str, str], name: str) -> str | None:
    """Return rendered text as template text.

    Args:
        text: the rendered text.
        expressions: expressions of the template by their rendered text; those that contain the
            name are put in its place.
        name: name of the component.

    Returns:
        None if the text contains Jinja syntax, or the name of the component in another place.
    """
    if any(syntax in text for syntax in SYNTAX):
        return None
    stem = "".join(word.capitalize() for word in name.split("_"))
    names = [value for value in expressions if name in value or stem in value]
    if names:
        longest_first = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
        text = re.sub(rf"\b({longest_first})\b", lambda found: expressions[found[0]], text)
    literal = EXPRESSION.sub("", text)
    return None if re.search(rf"\b{name}\b|\b(Test)?{stem}", literal) else text


def _can_render(line: str, rendered: str) -> bool:
    """Return whether a template line can render to a line, ignoring indentation."""
    line, given = line.strip(), rendered.strip()
    return line == given or (
        _literal_length(line) >= MIN_LITERAL_CHARS and bool(_pattern(line).fullmatch(given))
    )


def _matching(lines: list[str], rendered: list[str]) -> list[str]:
    """Return the leading rendered lines that template lines can render to; none if all are blank.

    Args:
        lines: the lines of the template.
        rendered: the lines of the rendered file.
    """
    pairs = takewhile(lambda pair: _can_render(*pair), zip(lines, rendered, strict=False))
    same = [given for _, given in pairs]
    return same if "".join(same).strip() else []


def _pattern(line: str) -> re.Pattern[str]:
    literal = EXPRESSION.split(line.strip())[::2]
    return re.compile("(.*?)".join(map(re.escape, literal)))


def _literal_length(line: str) -> int:
    return 0 if "{%" in line else len("".join(EXPRESSION.split(line.strip())[::2]).strip())


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _shifted(lines: list[str], shift: int) -> list[str]:
    if shift >= 0:
        return [" " * shift + line if line.strip() else line for line in lines]
    return [line[min(-shift, _indentation(line)) :] for line in lines]
