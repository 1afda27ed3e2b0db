"""The merge of imports by the names that they bind."""

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ltscaffold.merge.syntax import DOCSTRING, Source, is_import
from ltscaffold.merge.units import Unit

WIDTH = 88
"""Line length of templates."""


@dataclass(frozen=True)
class Name:
    """A name that an import binds.

    Attributes:
        module: the module after `import` or `from`, with leading dots if it is relative.
        name: the name that `from module import name` imports; None for `import module`.
        alias: the name after `as`, if any.
    """

    module: str
    name: str | None
    alias: str | None

    @property
    def bound(self) -> str:
        """The bound variable."""
        return self.alias or self.name or self.module.partition(".")[0]

    @property
    def slot(self) -> str:
        """Key by which imports collide: the variable, or for `import a.b` the submodule `a.b`."""
        return self.module if self.name is self.alias is None else self.bound

    @property
    def origin(self) -> str:
        """The bound object, as `module:name`; for `import a.b` the package `a`."""
        return f"{self.module}:{self.name}" if self.name else self.bound

    @property
    def source(self) -> str:
        """The name as an import statement has it, such as `a` or `a as b`."""
        return f"{self.name or self.module}{f' as {self.alias}' if self.alias else ''}"


def merge_imports(
    units: Sequence[Unit], ours: Source, base: Source, theirs: Source
) -> tuple[list[Unit], list[str]]:
    """Return the units of a merged module with merged imports, and notes.

    Args:
        units: the merged statements, with the imports of ours among them.
        ours: the module as edited.
        base: the module as rendered before.
        theirs: the module as rendered now.
    """
    mine, old, new = (set(bindings(source.tree.body)) for source in (ours, base, theirs))
    others = [unit for unit in units if not is_import(unit)]
    text = "".join(unit.merged.text for unit in others)
    used, used_before, used_there = _used_in(text), _used(ours.tree), _used(theirs.tree)
    dropped = {
        name
        for name in mine & old
        if (name not in new and any(other.bound == name.bound for other in new - old))
        or (name.bound not in used and (name not in new or name.bound in used_before))
    }
    slots = {name.slot for name in mine - dropped} | {unit.key for unit in others if unit.node}
    added = sorted(
        (
            name
            for name in new - mine
            if name.slot not in slots
            and (name.bound in used or (name not in old and name.bound not in used_there))
        ),
        key=lambda name: (name.module, name.source),
    )
    result = [unit for each in units for unit in _drop_names(each, dropped)]
    if added:
        first_party = _first_party_packages(base) | _first_party_packages(theirs)
        for name in added:
            _insert(result, name, first_party)
    taken = {name.slot for name in mine - dropped}
    notes = [
        f"{name.bound}: the template now imports it from {name.module}; yours is kept"
        for name in sorted(new - old - mine, key=str)
        if name.slot in taken
    ]
    notes += [
        f"{name.bound}: the template no longer imports it; kept, since your code uses it"
        for name in sorted((old - new) & mine - dropped, key=str)
    ]
    notes += [
        f"{name.bound}: the template now imports it; not added, since nothing uses it"
        for name in sorted(new - old - mine - set(added), key=str)
        if name.slot not in slots
    ]
    return result, notes


def _names(node: ast.AST) -> Iterator[Name]:
    """Yield the names that a statement imports."""
    if isinstance(node, ast.Import):
        yield from (Name(alias.name, None, alias.asname) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        yield from (Name(module, alias.name, alias.asname) for alias in node.names)


def bindings(nodes: Iterable[ast.AST]) -> Iterator[Name]:
    """Yield the names that statements of a module import, also in `if`, `try` and `with`."""
    for node in nodes:
        yield from _names(node)
        if isinstance(node, ast.If | ast.Try | ast.ExceptHandler | ast.With):
            yield from bindings(ast.iter_child_nodes(node))


def _used(tree: ast.AST) -> set[str]:
    """Return the variables that code reads, also in annotations that are strings."""
    used: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            used.add(node.id)
        elif isinstance(node, ast.Constant) and re.fullmatch(r"[\w.\[\], |]+", str(node.value)):
            used.update(re.findall(r"\w+", str(node.value)))
    return used


def _used_in(text: str) -> set[str]:
    """Return the variables that a text reads; with conflict markers, all words of it."""
    try:
        return _used(ast.parse(text))
    except SyntaxError:
        return set(re.findall(r"\w+", text))


def _drop_names(unit: Unit, dropped: set[Name]) -> Iterator[Unit]:
    """Yield a unit without some imported names.

    Args:
        unit: a statement; one that is not an import is unchanged.
        dropped: the names to remove. If none remains, only a comment above is yielded, if any.
    """
    if not is_import(unit):
        yield unit
        return
    names = list(_names(unit.node))
    left = [name for name in names if name not in dropped]
    if left == names:
        yield unit
    elif left:
        yield _with_names(unit, left)
    elif unit.lead:
        yield replace(unit, text="", node=None)


def _with_names(unit: Unit, names: Sequence[Name]) -> Unit:
    """Return an import statement with other names, sorted.

    Args:
        unit: the import; one that is split over lines stays split.
        names: its new names.
    """
    ordered = sorted(dict.fromkeys(names), key=_name_order)
    if isinstance(unit.node, ast.ImportFrom):
        text = _from_import(ordered, split="(" in unit.text and unit.text.count("\n") > 1)
    else:
        text = "import " + ", ".join(name.source for name in ordered) + "\n"
    return replace(unit, text=text, node=ast.parse(text).body[0])


def _name_order(name: Name) -> tuple[int, str]:
    """Return the sort key of a name in an import, in isort's order: constants, classes, others."""
    word = name.name or name.module
    kind = 0 if word.isupper() and len(word) > 1 else 1 if word[:1].isupper() else 2
    return kind, word


def _from_import(names: Sequence[Name], split: bool) -> str:
    """Return `from … import …` as source code.

    Args:
        names: the imported names, of one module.
        split: write one name per line even if all fit into one.
    """
    source = [name.source for name in names]
    line = f"from {names[0].module} import {', '.join(source)}\n"
    if not split and len(line) <= WIDTH + 1:
        return line
    inner = "".join(f"    {each},\n" for each in source)
    return f"from {names[0].module} import (\n{inner})\n"


def _first_party_packages(source: Source) -> set[str]:
    """Return the packages that a template imports in the first-party group."""
    groups: list[set[str]] = []
    for unit in source.units():
        if is_import(unit):
            module = next(_names(unit.node)).module.partition(".")[0]
            if unit.gap or not groups:
                groups.append(set())
            groups[-1].add(module)
    others = [group for group in groups if not group & sys.stdlib_module_names]
    return set().union(*others[1:])


def _insert(units: list[Unit], name: Name, first_party: set[str]) -> None:
    """Add a name to the import of its module, or as a new import in isort's order.

    Args:
        units: the statements of the module, changed in place.
        name: the name to import.
        first_party: the packages that belong to the last group of imports.
    """
    imports = [(index, unit) for index, unit in enumerate(units) if is_import(unit)]
    for index, unit in imports:
        names = list(_names(unit.node))
        same = name.name and names[0].name not in (None, "*") and names[0].module == name.module
        if same and "#" not in unit.text:
            units[index] = _with_names(unit, [*names, name])
            return
    text = _from_import([name], split=False) if name.name else f"import {name.source}\n"
    new = Unit("import", "", "", text, "", ast.parse(text).body[0])
    key = _sort_key(new, first_party)
    earlier = [index for index, unit in imports if _sort_key(unit, first_party) <= key]
    if earlier:
        index = earlier[-1] + 1
        gap = "" if _sort_key(units[index - 1], first_party)[0] == key[0] else "\n"
    elif imports:
        index = imports[0][0]
        gap = units[index].gap
    else:
        index = int(bool(units) and units[0].key == DOCSTRING)
        gap = "\n" * index
    units.insert(index, replace(new, gap=gap))
    following = units[index + 1] if index + 1 < len(units) else None
    if following is not None and (is_import(following) or not imports):
        same = is_import(following) and _sort_key(following, first_party)[0] == key[0]
        units[index + 1] = replace(following, gap="" if same else following.gap or "\n")


def _sort_key(unit: Unit, first_party: set[str]) -> tuple[int, bool, str]:
    """Return the sort key of an import: its group, plain imports first, and its module.

    Args:
        unit: the import.
        first_party: the packages of the last group.
    """
    module = next(_names(unit.node)).module
    package = module.partition(".")[0]
    if package == "__future__":
        group = 0
    elif package in sys.stdlib_module_names:
        group = 1
    else:
        group = 3 if package in first_party or not package else 2
    return group, isinstance(unit.node, ast.ImportFrom), module.lower()
