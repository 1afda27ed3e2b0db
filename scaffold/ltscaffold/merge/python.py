"""The merge of Python modules by class member and statement."""

import ast
import re
from functools import partial

from ltscaffold.merge.draft import Draft, concatenate, conflict, review
from ltscaffold.merge.functions import Function, merge_function
from ltscaffold.merge.imports import merge_imports
from ltscaffold.merge.syntax import DOCSTRING, Source, is_import
from ltscaffold.merge.units import Unit, merge_units

INDENT = " " * 4


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
        old, new = (Source(_indented(text, mine)) for text in (base, theirs))
        return _merge_module(mine, old, new)
    except (SyntaxError, ValueError, RecursionError):
        return None


def _merge_module(ours: Source, base: Source, theirs: Source) -> Draft:
    units = [source.units() for source in (ours, base, theirs)]
    mine, old, new = ([unit for unit in each if not is_import(unit)] for each in units)
    merged, notes = merge_units(mine, old, new, partial(_combine, (ours, base, theirs)))
    united, more = merge_imports(_with_imports(merged, units[0]), ours, base, theirs)
    draft = concatenate(unit.merged for unit in united)
    draft.notes[:0] = [*notes, *more]
    if ours.lines and not ours.lines[-1].endswith("\n"):
        draft.text = draft.text.removesuffix("\n")
    return draft


def _with_imports(merged: list[Unit], ours: list[Unit]) -> list[Unit]:
    """Return merged statements with the imports of ours at their former positions."""
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


def _combine(sources: tuple[Source, Source, Source], ours: Unit, base: Unit, theirs: Unit) -> Draft:
    """Merge a statement that both sides changed."""
    mine, old, new = zip(sources, (ours.node, base.node, theirs.node), strict=True)
    versions = (mine, old, new)
    is_function = all(isinstance(node, Function) for _, node in versions)
    if is_function or all(isinstance(node, ast.ClassDef) for _, node in versions):
        if any(source.is_one_line(node) for source, node in versions):
            return review(ours.text, f"{ours.key}: the template changed it; yours is kept")
        return merge_function(ours.key, *versions) if is_function else _merge_class(*versions)
    if ours.key == DOCSTRING or isinstance(ours.node, ast.Assign | ast.AnnAssign):
        shown = "" if ours.key == DOCSTRING else f": {' '.join(theirs.text.split())}"
        return review(ours.text, f"{ours.key}: the template also changed it{shown}; yours is kept")
    message = f"{ours.key}: choose between the marked lines"
    return conflict(ours.text, base.text, theirs.text, message)


def _merge_class(*versions: tuple[Source, ast.ClassDef]) -> Draft:
    sources, nodes = zip(*versions, strict=True)
    heads = [source.text(source.start(each), source.header_end(each)) for source, each in versions]
    forms = list(map(_header_form, nodes))
    head = Draft(heads[2] if forms[0] == forms[1] != forms[2] else heads[0])
    if len(set(forms)) == 3:
        line = heads[2].strip()
        head = review(heads[0], f"{nodes[0].name}: the template now has {line}; yours is kept")
    mine, old, new = (source.members(each) for source, each in versions)
    merged, notes = merge_units(mine, old, new, partial(_combine, sources))
    return concatenate([head, *(unit.merged for unit in merged), Draft(notes=notes)])


def _header_form(node: ast.ClassDef) -> str:
    parts = [*node.decorator_list, *node.bases, *node.keywords]
    return repr([node.name, *map(ast.dump, parts)])


def _indented(text: str, like: Source) -> str:
    """Return a template's text with the indentation of a file."""
    unit = _indentation(like)
    if unit == INDENT:
        return text
    source = Source(text)
    strings = {
        line
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Constant | ast.JoinedStr) and node.end_lineno != node.lineno
        for line in range(node.lineno + 1, (node.end_lineno or 0) + 1)
    }
    lines = (
        line if number in strings else _with_unit(line, unit)
        for number, line in enumerate(source.lines, 1)
    )
    return "".join(lines)


def _with_unit(line: str, unit: str) -> str:
    code = line.lstrip(" ")
    return unit * ((len(line) - len(code)) // len(INDENT)) + code


def _indentation(source: Source) -> str:
    """Return the indentation of the first body in a module."""
    for node in source.tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found = re.match(r"[ \t]+", source.lines[source.start(node.body[0]) - 1])
            if found is not None:
                return found[0]
    return INDENT
