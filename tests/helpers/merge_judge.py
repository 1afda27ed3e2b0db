"""The judgement of a merge: right, left to review or to choose, or wrong and not reported."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from pyflakes.checker import Checker
from pyflakes.messages import UndefinedExport, UndefinedLocal, UndefinedName

from ltscaffold.merge.draft import Draft
from tests.helpers.merge_facts import facts, lost
from tests.helpers.merge_module import Namespace, executed

PATH = "model.py"
KINDS = ("right", "review", "conflict", "wrong")


@dataclass(frozen=True)
class Texts:
    """The three versions of a module."""

    ours: str
    base: str
    theirs: str


def problems(texts: Texts, draft: Draft) -> Iterator[str]:
    """Yield what is wrong with a merge and not reported; a conflict only keeps all lines."""
    if any(mark.kind == "conflict" for mark in draft.marks):
        missing = _lines(texts.ours) - _lines(texts.base) - _lines(draft.text)
        imports = tuple(line for line in missing if line.startswith(("from", "import")))
        yield from (f"lost in a conflict: {line}" for line in missing.difference(imports))
        return
    try:
        ast.parse(draft.text)
    except SyntaxError as error:
        yield f"does not parse: {error}"
        return
    mine, old, new, result = (
        facts(PATH, text) for text in (texts.ours, texts.base, texts.theirs, draft.text)
    )
    marked = [mark.message for mark in draft.marks]
    yield from (f"lost: {fact}" for fact in lost(PATH, texts.ours, texts.base, draft.text))
    stays = {fact for fact in (old - new) & result if fact not in new and fact not in mine - old}
    for fact in [*(new - old - result), *stays]:
        if not _names(fact[0], [*marked, *draft.notes], texts):
            yield f"neither applied nor reported: {fact}"
    for name in sorted(_unbound(draft.text) - _unbound(texts.ours) - _unbound(texts.theirs)):
        if not _names(name, marked, texts):
            yield f"unbound: {name}"


def failure(draft: Draft) -> tuple[Namespace, str]:
    """Return the namespace of a merged module, and the name on which it fails, if it does."""
    try:
        return executed(draft.text), ""
    except Exception as error:
        return {}, f"{type(error).__name__}: {error}"


def is_reported(draft: Draft, changed: set[str], with_notes: bool = False) -> bool:
    """Return whether a mark, or a note, is about one of the words."""
    messages = [mark.message for mark in draft.marks] + (draft.notes if with_notes else [])
    return any(about(message) & changed for message in messages)


def about(message: str) -> set[str]:
    """Return the words that name what a message is about."""
    return set(re.findall(r"\w+", message.partition(": ")[0]))


def words(one: str, other: str) -> set[str]:
    """Return the words of lines that differ between two modules, and the names around them."""
    mine, new = _named_lines(one), _named_lines(other)
    scopes = {name for name in mine.keys() | new.keys() if mine.get(name) != new.get(name)}
    changed = _lines(one) ^ _lines(other)
    return scopes | {word for line in changed for word in re.findall(r"\w+", line)}


@cache
def _named_lines(text: str) -> dict[str, str]:
    """Return the lines of each definition and assignment."""
    lines, named = text.split("\n"), dict[str, str]()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            named[node.name] = "\n".join(lines[first - 1 : node.end_lineno])
        elif isinstance(node, ast.Assign):
            named.setdefault(ast.unparse(node.targets[0]), ast.unparse(node))
    return named


def _contained(name: str, text: str) -> set[str]:
    """Return the names that a class binds."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            inner = (
                each for each in ast.walk(node) if isinstance(each, ast.Name | ast.FunctionDef)
            )
            return {each.id if isinstance(each, ast.Name) else each.name for each in inner}
    return set()


def _lines(text: str) -> set[str]:
    return {line.strip() for line in text.split("\n")}


def _names(name: str, messages: list[str], texts: Texts) -> bool:
    """Return whether a message is about a name, or about the class that contains it."""
    parts = set(re.findall(r"\w+", name))
    return any(
        about(message) & parts or parts & _contained(message.partition(": ")[0], text)
        for message in messages
        for text in (texts.base, texts.theirs)
    )


@cache
def _unbound(text: str) -> set[str]:
    """Return names that are used and not bound, and attributes of self that were bound."""
    kinds = (UndefinedName, UndefinedLocal, UndefinedExport)
    messages = Checker(ast.parse(text)).messages
    return {str(message.message_args[0]) for message in messages if isinstance(message, kinds)}


@cache
def attributes(text: str) -> tuple[set[str], set[str]]:
    """Return the attributes of self that a module reads, and the members that it binds."""
    used, bound = set(), set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "self":
                (used if isinstance(node.ctx, ast.Load) else bound).add(node.attr)
        elif isinstance(node, ast.ClassDef):
            for inner in ast.walk(node):
                if isinstance(inner, ast.FunctionDef):
                    bound.add(inner.name)
                elif isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                    bound.add(inner.id)
    return used, bound


def unbound_attributes(texts: Texts, result: str) -> set[str]:
    """Return the attributes that a result reads, and that only the versions bind."""
    used, bound = attributes(result)
    before = {name for text in (texts.ours, texts.base) for name in attributes(text)[1]}
    return used & before - bound


def summary(kinds: Counter[str]) -> str:
    """Return the counts as a line."""
    return ", ".join(f"{kind}: {kinds[kind]}" for kind in KINDS)
