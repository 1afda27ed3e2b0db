"""Two versions of a Python file, mixed by members.

The mix is only executed, never shown: its layout and comments are those of `ast.unparse`.
"""

import ast
from collections.abc import Collection, Mapping, Sequence

IMPORTS, ORDER, HEADER = "imports", "order of the members", "(class statement)"


class PythonMembers:
    """The members that differ: of the module, and of the classes that both versions have.

    Args:
        before: the former text.
        after: the new text.

    Raises:
        ValueError: if one of them is not Python.
    """

    def __init__(self, before: str, after: str) -> None:
        try:
            self.before, self.after = (ast.parse(text) for text in (before, after))
        except SyntaxError as error:
            raise ValueError(str(error)) from None
        self.old, self.new = members(self.before), members(self.after)

    def changed(self) -> list[str]:
        """Return the names of the members that differ, in the order of the new version."""
        names = [
            name for name in {**self.new, **self.old} if self._form(name, 0) != self._form(name, 1)
        ]
        return names + [ORDER] * (self._common(self.old) != self._common(self.new))

    def _form(self, name: str, version: int) -> str | None:
        found = (self.old, self.new)[version].get(name)
        return None if found is None else "\n".join(map(ast.dump, found))

    def _common(self, members: Mapping[str, object]) -> list[str]:
        return [name for name in members if name in self.old and name in self.new]

    def rendered(self, chosen: Collection[str]) -> str:
        """Return the code with some of the changed members."""
        mixed: dict[str, Sequence[ast.stmt]] = {}
        first, second = (self.new, self.old) if ORDER in chosen else (self.old, self.new)
        for name in _interleaved([*first], [*second]):
            version = self.new if name in chosen else self.old
            is_equal = name in self.old and name in self.new and name not in self.changed()
            if name in version or is_equal:
                mixed[name] = (self.new if is_equal else version)[name]
        others = self.old if IMPORTS in chosen else self.new
        # The imports of both versions, so that no member lacks a name; those of the subset win.
        mixed[IMPORTS] = [*others.get(IMPORTS, ()), *mixed.get(IMPORTS, ())]
        return ast.unparse(ast.fix_missing_locations(assembled(mixed)))

    def words(self, part: str) -> tuple[set[str], set[str]]:
        """Return the names that a member mentions before and after; empty where it is missing."""
        return _words(self.old.get(part, ())), _words(self.new.get(part, ()))


def members(module: ast.Module) -> dict[str, list[ast.stmt]]:
    """Return the statements of each member, by its dotted name.

    The body of a class is divided; its statement with docstring is the member `<class> HEADER`.
    """
    found: dict[str, list[ast.stmt]] = {}
    for node in module.body:
        if isinstance(node, ast.ClassDef):
            for name, statement in _members_of(node):
                found.setdefault(name, []).append(statement)
        else:
            found.setdefault(_name(node), []).append(node)
    return found


def _members_of(node: ast.ClassDef) -> list[tuple[str, ast.stmt]]:
    has_docstring = ast.get_docstring(node, clean=False) is not None
    head = ast.ClassDef(
        node.name,
        node.bases,
        node.keywords,
        node.body[:1] if has_docstring else [],
        node.decorator_list,
        **({"type_params": node.type_params} if hasattr(node, "type_params") else {}),
    )
    rest = node.body[has_docstring:]
    return [
        (f"{node.name} {HEADER}", head),
        *((f"{node.name}.{_name(statement)}", statement) for statement in rest),
    ]


def assembled(mixed: Mapping[str, Sequence[ast.stmt]]) -> ast.Module:
    """Return the module of members, a class where its statement is; the imports come first."""
    classes: dict[str, ast.ClassDef] = {}
    future = [each for each in mixed[IMPORTS] if _is_future(each)]
    body = [*future, *(each for each in mixed[IMPORTS] if not _is_future(each))]
    for name, statements in mixed.items():
        if name.endswith(f" {HEADER}"):
            (head,) = statements[-1:]
            assert isinstance(head, ast.ClassDef)
            copy = ast.ClassDef(**{**dict(ast.iter_fields(head)), "body": [*head.body]})
            classes[head.name] = copy
            body.append(copy)
    positions = {
        node.name: place for place, node in enumerate(body) if isinstance(node, ast.ClassDef)
    }
    top: list[ast.stmt] = []
    for name, statements in mixed.items():
        owner = name.partition(".")[0]
        if name == IMPORTS:
            top[:0] = [*future, *(each for each in statements if not _is_future(each))]
        elif name.endswith(f" {HEADER}"):
            top.append(classes[statements[-1].name])  # type: ignore[attr-defined]
        elif "." in name and owner in positions:
            classes[owner].body += statements
        else:
            top += statements
    for node in classes.values():
        node.body = node.body or [ast.Pass()]
    docstring = mixed.get("docstring", ())
    return ast.Module([*docstring, *(each for each in top if each not in docstring)], [])


def _interleaved(first: list[str], second: list[str]) -> list[str]:
    """Return the names of both lists in the order of the first; others follow their predecessor."""
    result = list(first)
    for place, name in enumerate(second):
        if name not in result:
            before = next((other for other in reversed(second[:place]) if other in result), None)
            result.insert(result.index(before) + 1 if before is not None else 0, name)
    return result


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _name(node: ast.stmt) -> str:
    if isinstance(node, ast.Import | ast.ImportFrom):
        return IMPORTS
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return ", ".join(map(ast.unparse, targets))
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return "docstring"
    return ast.unparse(node).partition("\n")[0]


def _words(statements: Sequence[ast.stmt]) -> set[str]:
    found = set()
    for node in (each for statement in statements for each in ast.walk(statement)):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.arg | ast.keyword) and node.arg:
            found.add(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
    return found
