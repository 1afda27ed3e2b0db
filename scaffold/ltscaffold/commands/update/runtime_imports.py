"""The codemod that follows names of the runtime to their present places.

It takes LibCST, whose import costs 0.2 s: `codemods` imports it where a file needs it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import libcst as cst
from libcst import helpers
from libcst.metadata.scope_provider import Scope

from lightning_transformers.former_paths import ROOT
from ltscaffold.commands.update.runtime_names import (
    current_path,
    has_renamed,
    is_former,
    is_function,
    module_in,
    name_in,
    places,
    relocated,
    same_module,
)
from ltscaffold.merge.source_edits import Import, PythonSource

Chain = list[cst.BaseExpression]
"""The expressions `name`, `name.a`, `name.a.b` … of a use, up to its last attribute."""


def follow_imports(code: str) -> str:
    """Return Python code with former paths of the runtime replaced in its imports.

    An import binds the same name as before, since other files and strings may refer to it: the
    import of a renamed name gets `as`. The import of a former module keeps its path if several
    modules have its names now, or if they were renamed.

    Raises:
        libcst.ParserSyntaxError: if the code is not valid Python.
    """
    return Rewriting(code).result() if ROOT in code else code


@dataclass(eq=False)
class Binding:
    """A name that imports of the runtime bind in a scope.

    Attributes:
        name: the name as the code uses it.
        aliases: the path that each import binds to the name.
        uses: a chain for each reference to the name; empty for one in a string annotation.
    """

    name: str
    aliases: dict[cst.ImportAlias, str] = field(default_factory=dict)
    uses: list[Chain] = field(default_factory=list)

    def used_paths(self, path: str) -> Iterator[tuple[Chain, str]]:
        """Yield each use with the path that it refers to.

        Args:
            path: the path that the name refers to.
        """
        for chain in self.uses:
            attributes = [each.attr.value for each in chain if isinstance(each, cst.Attribute)]
            yield chain, ".".join([path, *attributes])


class Rewriting(PythonSource):
    """A module whose imports of the runtime are edited."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.statements = [node for node in self.imports() if _is_of_runtime(node)]
        self.now: dict[cst.ImportAlias, list[tuple[str, str]]] = {}

    def result(self) -> str:
        """Return the text with the edits."""
        for binding in self.bindings():
            if binding.name == ROOT:
                self.follow_dotted(binding)
                continue
            for alias, path in binding.aliases.items():
                if self.is_module(binding, alias):
                    self.follow_module(binding, alias)
                else:
                    now = current_path(path) or path
                    self.now[alias] = [self.import_of(alias, now, binding.name)]
        for statement in self.statements:
            self.edit_import(statement)
        return self.edited()

    def bindings(self) -> list[Binding]:
        """Return the names that the runtime's imports bind, with their uses."""
        found: dict[tuple[Scope, str], Binding] = {}
        for statement in self.statements:
            for alias, path in _aliases(statement):
                scope = self.scope_of[alias]
                name = alias.evaluated_alias or path.rpartition(".")[2]
                if isinstance(statement, cst.Import) and alias.asname is None:
                    name = ROOT
                assert scope is not None
                binding = found.setdefault((scope, name), Binding(name))
                binding.aliases[alias] = path
        for scope in self.scopes():
            for access in scope.accesses:
                owners = {(each.scope, each.name.partition(".")[0]) for each in access.referents}
                for owner in owners & found.keys():
                    found[owner].uses.append(self.chain(access.node))
        return list(found.values())

    def chain(self, node: cst.CSTNode) -> Chain:
        """Return the expressions `name`, `name.a` … of a use, the longest last.

        Args:
            node: the name, or one of the expressions; for another node, such as a string
                annotation, the result is empty.
        """
        while isinstance(node, cst.Attribute):
            node = node.value
        found: Chain = [node] if isinstance(node, cst.Name) else []
        while found:
            parent = self.parents[found[-1]]
            if not isinstance(parent, cst.Attribute) or parent.value is not found[-1]:
                break
            found.append(parent)
        return found

    def is_module(self, binding: Binding, alias: cst.ImportAlias) -> bool:
        """Return whether an import binds a module.

        The import of a module that became a function binds a module if every use takes a name of
        the runtime from it.

        Args:
            binding: the name that the import binds, and its uses.
            alias: the import.
        """
        path = binding.aliases[alias]
        if isinstance(self.parents[alias], cst.Import) or not is_function(path):
            return bool(places(path))
        used = [name_in(used) for _, used in binding.used_paths(path)]
        return used != [] and path not in used and all(map(current_path, used))

    def follow_dotted(self, binding: Binding) -> None:
        """Edit imports without `as`, and each use, such as `package.module.name`.

        Args:
            binding: the name of the package, which all these imports bind.
        """
        needed: dict[str, set[str]] = {path: set() for path in binding.aliases.values()}
        for chain, path in binding.used_paths(ROOT):
            now, module = relocated(path)
            self.edit_use(chain, path, ROOT, now)
            loads = [loaded for loaded in needed if f"{path}.".startswith(f"{loaded}.")]
            needed[max(loads or needed, key=len)].add(module)
        for alias, path in binding.aliases.items():
            modules = sorted(needed[path]) or [relocated(path)[1]]
            self.now[alias] = [("", module) for module in modules]

    def follow_module(self, binding: Binding, alias: cst.ImportAlias) -> None:
        """Edit an import that binds a module to a name, and each use `name.module.attribute`.

        Args:
            binding: the name and its uses.
            alias: the import.
        """
        path = binding.aliases[alias]
        if is_former(path):
            home = same_module(path)
            kept = "", f"{path} as {binding.name}"  # not `from`: the path is mentioned
            self.now[alias] = [self.import_of(alias, home, binding.name) if home else kept]
            return
        others = set()
        for chain, used in binding.used_paths(path):
            if module_in(used) == path:
                continue
            now, module = relocated(used)
            if module == path or now == used:
                now = binding.name + now.removeprefix(path)
            else:
                others.add(module)
            self.edit_use(chain, used, path, now)
        also = [("", module) for module in sorted(others)]
        self.now[alias] = [self.import_of(alias, path, binding.name), *also]

    def import_of(self, alias: cst.ImportAlias, path: str, name: str) -> tuple[str, str]:
        """Return an import as the module to import from, and the text after `import`.

        Args:
            alias: the import as written.
            path: the path to import.
            name: the name to bind it to.

        Returns:
            The module is empty for a statement `import path as name`.
        """
        module, _, last = path.rpartition(".")
        if isinstance(self.parents[alias], cst.Import) or not module:
            return "", f"{path} as {name}"
        is_explicit = alias.asname is not None and alias.evaluated_name == name
        return module, last if last == name and not is_explicit else f"{last} as {name}"

    def edit_use(self, chain: Chain, path: str, origin: str, now: str) -> None:
        """Replace a name of the runtime where the code uses it; the attributes after it stay.

        Args:
            chain: the expressions of the use; an empty chain is not edited.
            path: the path that the whole use refers to.
            origin: the path that the first expression of the chain refers to.
            now: the new text of the whole use, with its attributes.
        """
        if chain:
            length = name_in(path).count(".") - origin.count(".")
            start, end = self.span(chain[length])
            self.replace(start, end, now.removesuffix(path.removeprefix(name_in(path))))

    def edit_import(self, statement: Import) -> None:
        """Replace the changed parts of an import; one from several modules becomes several."""
        if isinstance(statement, cst.Import):
            for alias, _ in _aliases(statement):
                self.replace(*self.span(alias), ", ".join(what for _, what in self.now[alias]))
            return
        assert statement.module is not None
        groups: dict[str, list[tuple[str, str]]] = {}
        if isinstance(statement.names, cst.ImportStar):
            path = _dotted(statement.module)
            modules = [path] if has_renamed(path) else places(path)
            groups = {module: [("*", "")] for module in modules}
        for alias, _ in _aliases(statement):
            notes = [self.comments_on(alias, statement), *[""] * len(self.now[alias])]
            for (module, what), note in zip(self.now[alias], notes, strict=False):
                groups.setdefault(module, []).append((what, note))
        if len(groups) == 1 and "" not in groups:
            self.replace(*self.span(statement.module), *groups)
            for alias, _ in _aliases(statement):
                self.replace(*self.span(alias), self.now[alias][0][1])
        elif groups:
            self.replace(*self.span(statement), self.split(statement, groups))

    def comments_on(self, alias: cst.ImportAlias, statement: cst.ImportFrom) -> str:
        """Return the comments between a name of an import and the next name, joined.

        Those of the first name include the ones before it.

        Args:
            alias: the imported name.
            statement: the import.
        """
        aliases = [each for each, _ in _aliases(statement)]
        following = aliases[aliases.index(alias) + 1 :]
        start = self.span(statement if alias is aliases[0] else alias)[0]
        end = self.span(following[0])[0] if following else self.span(statement)[1]
        return "  ".join(re.findall(r"#.*", self.code[start:end]))

    def split(self, statement: cst.ImportFrom, groups: dict[str, list[tuple[str, str]]]) -> str:
        """Return the statements that replace an import, in its layout.

        Args:
            statement: the import to replace.
            groups: by module, the text of each imported name and its comment; the module is empty
                for `import path`.
        """
        start, end = self.span(statement)
        line = self.code[:start].rpartition("\n")[2]
        newline = "\r\n" if "\r\n" in self.code else "\n"
        indent = newline + line[: len(line) - len(line.lstrip())]
        found = []
        for module, names in groups.items():
            text = ", ".join(dict.fromkeys(what for what, _ in names))
            if module and "\n" in self.code[start:end]:
                each = (f"{what},{'  ' * bool(note)}{note}" for what, note in names)
                text = "".join(["(", *(f"{indent}    {line}" for line in each), indent, ")"])
            elif not line.strip():
                text = "  ".join([text, *(note for _, note in names if note)])
            found.append(f"from {module} import {text}" if module else f"import {text}")
        return ("; " if line.strip() else indent).join(found)

    def replace(self, start: int, end: int, text: str) -> None:
        """Record an edit of the code, unless it changes nothing.

        Args:
            start: start of the code to replace, in characters.
            end: its end.
            text: the new code.
        """
        if self.code[start:end] != text:
            self.edits[start, end] = text


def _aliases(statement: Import) -> Iterator[tuple[cst.ImportAlias, str]]:
    """Yield the names of the runtime that a statement imports, each with its path."""
    if isinstance(statement.names, cst.ImportStar) or not _is_of_runtime(statement):
        return
    base = [] if isinstance(statement, cst.Import) else [_dotted(statement.module)]
    for alias in statement.names:
        path = ".".join([*base, alias.evaluated_name])
        if path.partition(".")[0] == ROOT:
            yield alias, path


def _is_of_runtime(statement: Import) -> bool:
    if isinstance(statement, cst.ImportFrom):
        return not statement.relative and _dotted(statement.module).partition(".")[0] == ROOT
    return any(alias.evaluated_name.partition(".")[0] == ROOT for alias in statement.names)


def _dotted(node: cst.CSTNode | None) -> str:
    assert node is not None
    return helpers.get_full_name_for_node_or_raise(node)
