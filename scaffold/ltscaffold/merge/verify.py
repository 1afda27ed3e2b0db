"""The verification of a merged module: its names are bound, and mean what each side's code expects.

Static: no code runs. pyflakes finds the names of modules, functions and class bodies that are not
bound before they are used; attributes of `self`, signatures and origins are compared here.
"""

import ast
import copy
from collections import Counter
from collections.abc import Callable, Container, Iterator
from functools import cached_property

from ltscaffold.merge.draft import Mark
from ltscaffold.merge.imports import bindings
from ltscaffold.merge.syntax import Definition, Function


class Names:
    """The names of a module.

    Attributes:
        tree: the parsed module.
        bound: the lines that bind a member or an attribute of `self`, by (class, name).
        used: the lines that read one, by (class, name).
        interfaces: decorators and parameters of each function and method, by name.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.bound: dict[tuple[str, str], int] = {}
        self.used: dict[tuple[str, str], int] = {}
        self.interfaces: dict[str, str] = {}
        for node in self.tree.body:
            self._add_interface(node)
            if isinstance(node, ast.ClassDef):
                self._add_class(node)

    @cached_property
    def reads(self) -> Counter[str]:
        """How often the module reads each name or attribute."""
        reads = (_read_name(node) for node in ast.walk(self.tree))
        return Counter(name for name in reads if name)

    @cached_property
    def undefined(self) -> dict[str, int]:
        """The names that code uses before they are bound, or never bound, with the first line."""
        return _undefined(self.tree)

    def undefined_texts(self, names: Container[str]) -> dict[str, int]:
        """Return texts such as "x" in `globals()["x"]` that `undefined` would have as names.

        Args:
            names: the texts that can be names.
        """
        texts = {node.value for node in ast.walk(self.tree) if isinstance(node, ast.Constant)}
        if not any(isinstance(text, str) and text in names for text in texts):
            return {}
        return _undefined(_TextsAsNames(names).visit(copy.deepcopy(self.tree)))

    @cached_property
    def origins(self) -> dict[str, str]:
        """The origin of each top-level name: `module:name` if it is imported, "" if defined."""
        defined = {name: "" for node in self.tree.body for name in _defined(node)}
        return {name.bound: name.origin for name in bindings(self.tree.body)} | defined

    def line(self, name: str) -> int:
        """Return the line of the first statement of the module that binds a name, else 1."""
        for node in self.tree.body:
            if name in {*_defined(node), *(each.bound for each in bindings([node]))}:
                return node.lineno
        return 1

    def read_line(self, name: str, known: "Names") -> int:
        """Return the line of the first read of a name in code that only this module has.

        Args:
            name: a variable or an attribute.
            known: the other module; statements that it has, too, do not count.

        Returns:
            The line from 1; 1 if no such read exists.
        """
        statements = {ast.dump(node) for node in ast.walk(known.tree) if isinstance(node, ast.stmt)}
        lines = [
            inner.lineno
            for node in ast.walk(self.tree)
            if isinstance(node, ast.stmt) and ast.dump(node) not in statements
            for part in (node.decorator_list if isinstance(node, Definition) else [node])
            for inner in ast.walk(part)
            if isinstance(inner, ast.expr) and _read_name(inner) == name
        ]
        return min(lines, default=1)

    def _add_class(self, node: ast.ClassDef) -> None:
        for each in ast.walk(node):
            match each:
                case ast.Attribute(value=ast.Name(id="self" | "cls")):
                    lines = self.used if isinstance(each.ctx, ast.Load) else self.bound
                    lines.setdefault((node.name, each.attr), each.lineno)
        for each in _statements(node):
            for name in _defined(each):
                self.bound.setdefault((node.name, name), each.lineno)
            self._add_interface(each)

    def _add_interface(self, node: ast.stmt) -> None:
        if isinstance(node, Function):
            parts = [*node.decorator_list, node.args]
            self.interfaces.setdefault(node.name, " ".join(map(ast.dump, parts)))


class _TextsAsNames(ast.NodeTransformer):
    """Replace texts by names, but in `__all__`, which pyflakes knows, and in f-strings."""

    def __init__(self, names: Container[str]) -> None:
        self.names = names

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        return node if ast.unparse(node.targets[0]) == "__all__" else self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if not isinstance(node.value, str) or node.value not in self.names:
            return node
        return ast.copy_location(ast.Name(node.value, ast.Load()), node)


def _undefined(tree: ast.Module) -> dict[str, int]:
    from pyflakes import checker, messages  # takes 20 ms, and only merges need it

    kinds = (messages.UndefinedName, messages.UndefinedLocal, messages.UndefinedExport)
    found = [each for each in checker.Checker(tree).messages if isinstance(each, kinds)]
    return {str(each.message_args[0]): each.lineno for each in reversed(found)}


def defects(ours: Names, base: Names, theirs: Names, result: Names) -> Iterator[Mark]:
    """Yield a mark for each name that a merge leaves unbound or with another meaning.

    A name has another meaning if the template removed it and ours keeps it, changed its signature
    while code of ours uses it, or added one that ours defines otherwise.

    Args:
        ours: the module as edited.
        base: as rendered before.
        theirs: as rendered now.
        result: as merged.
    """
    named = ours.origins.keys()
    finders: list[Callable[[Names], dict[str, int]]] = [
        lambda names: names.undefined,
        lambda names: names.undefined_texts(named),
    ]
    for find in finders:
        if found := find(result):
            for name in sorted(found.keys() - find(ours).keys() - find(theirs).keys()):
                yield _mark(found[name], name, "the merge leaves it undefined here")
    lost = (ours.bound.keys() | base.bound.keys()) - result.bound.keys()
    for member in sorted(lost & result.used.keys()):
        yield _mark(result.used[member], member[1], "used here; the merge leaves it undefined")
    for member in sorted((base.bound.keys() - theirs.bound.keys()) & result.bound.keys()):
        yield _mark(result.bound[member], member[1], "the template removed it; yours is kept")
    for name, before in base.interfaces.items():
        if theirs.interfaces.get(name, before) != before and ours.reads[name] > base.reads[name]:
            line = result.read_line(name, theirs)
            yield _mark(line, name, "the template changed its signature; your code uses it")
    both = ours.origins.keys() & theirs.origins.keys() - base.origins.keys()
    for name in sorted(both):
        if ours.origins[name] != theirs.origins[name]:
            yield _mark(result.line(name), name, "the template added this name, too; compare them")


def _mark(line: int, name: str, message: str) -> Mark:
    """Return a mark to review a line, counted from 1, about a name."""
    return Mark(line - 1, "review", f"{name}: {message}")


def _read_name(node: ast.AST) -> str | None:
    """Return the variable or attribute that a node reads."""
    if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
        return node.id if isinstance(node, ast.Name) else node.attr
    return None


def _statements(node: ast.AST) -> Iterator[ast.stmt]:
    """Yield the statements of a body, those in branches included, but not of definitions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child
        if not isinstance(child, Definition):
            yield from _statements(child)


def _defined(node: ast.stmt) -> Iterator[str]:
    """Yield the variables that a statement of a module or class assigns or defines."""
    if isinstance(node, Definition):
        yield node.name
        return
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
            yield each.id
