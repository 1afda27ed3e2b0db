"""The codemod that follows names of the runtime to their present places.

LibCST tells what a name in a file refers to, and where it stands. The edits are made in the text,
so that the rest of a file keeps its bytes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import libcst as cst
from libcst import helpers, matchers
from libcst.metadata import MetadataWrapper, ParentNodeProvider, PositionProvider, ScopeProvider
from libcst.metadata.scope_provider import Scope

from lightning_transformers.former_paths import FUNCTIONS, ROOT
from ltscaffold.commands.update.runtime_names import (
    FORMER_LOAD,
    current_path,
    has_renamed,
    is_former,
    module_in,
    name_in,
    places,
    same_module,
)

PRESENT_LOAD = f", its load(cls, path) {ROOT}.load(path, task_class=cls)"
PATH = re.compile(rf"(?<![\w.]){ROOT}(?:\.\w+)+")
TARGET = re.compile(rf"(?<=_target_)(['\"]?[ \t]*:[ \t]*['\"]?)({PATH.pattern})")
Import = cst.Import | cst.ImportFrom
Chain = list[cst.BaseExpression]
"""The expressions `name`, `name.a`, `name.a.b` … of a use, up to its last attribute."""


def follow_targets(text: str) -> str:
    """Replace former paths of the runtime in the `_target_`s of a YAML text."""
    lines = [line.partition("#") for line in text.split("\n")]
    return "\n".join(
        TARGET.sub(lambda found: found[1] + relocated(found[2])[0], code) + mark + comment
        for code, mark, comment in lines
    )


def follow_imports(code: str) -> str:
    """Replace former paths of the runtime in the imports of Python code.

    An import binds the same name as before, since other files and strings may refer to it: that of
    a renamed name gets `as`, and that of a former module whose names are elsewhere now, or others,
    keeps its path.

    Raises:
        libcst.ParserSyntaxError: if the code is not valid Python.
    """
    return Rewriting(code).result() if ROOT in code else code


def former_mentions(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines, from 1, that mention a former path of the runtime, with the present one."""
    for line, code in enumerate(text.split("\n"), 1):
        for path in PATH.findall(code.partition("#")[0]):
            now, module = relocated(path)[0], module_in(path)
            if not is_former(module):
                continue
            if now != path:
                yield line, f"{path} is {now} now"
            elif not _is_function(module):
                load = PRESENT_LOAD if FORMER_LOAD.startswith(f"{module}.") else ""
                yield line, f"{module} is {' and '.join(places(module))}{load} now"


def relocated(path: str) -> tuple[str, str]:
    """Return the present path of a module or name of the runtime, and the module to import.

    A former module stays unless one module has its names, all of them unchanged.

    Args:
        path: path of a module, or of a name with or without its attributes.
    """
    name, module = name_in(path), module_in(path)
    now = None if name == module else current_path(name)
    if now:
        return now + path.removeprefix(name), now.rpartition(".")[0]
    if _is_function(module):
        return path, ROOT
    home = same_module(module) or module
    return home + path.removeprefix(module), home


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


class Rewriting:
    """A module, and the edits of its text."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.edits: dict[tuple[int, int], str] = {}
        wrapper = MetadataWrapper(cst.parse_module(code), unsafe_skip_copy=True)
        self.scopes = wrapper.resolve(ScopeProvider)
        self.positions = wrapper.resolve(PositionProvider)
        self.parents = wrapper.resolve(ParentNodeProvider)
        self.line_starts = [0, *(end.end() for end in re.finditer(r"\r\n|\n|\r", code))]
        imports = matchers.findall(wrapper, matchers.Import() | matchers.ImportFrom())
        self.imports = [
            node for node in imports if isinstance(node, Import) and _is_of_runtime(node)
        ]
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
        for statement in self.imports:
            self.edit_import(statement)
        code = self.code
        for (start, end), text in sorted(self.edits.items(), reverse=True):
            code = code[:start] + text + code[end:]
        return code

    def bindings(self) -> list[Binding]:
        """Return the names that the runtime's imports bind, with their uses."""
        found: dict[tuple[Scope, str], Binding] = {}
        for statement in self.imports:
            for alias, path in _aliases(statement):
                scope = self.scopes[alias]
                name = alias.evaluated_alias or path.rpartition(".")[2]
                if isinstance(statement, cst.Import) and alias.asname is None:
                    name = ROOT
                assert scope is not None
                binding = found.setdefault((scope, name), Binding(name))
                binding.aliases[alias] = path
        for scope in {scope for scope in self.scopes.values() if scope is not None}:
            for access in scope.accesses:
                owners = {(each.scope, each.name.partition(".")[0]) for each in access.referents}
                for owner in owners & found.keys():
                    found[owner].uses.append(self.chain(access.node))
        return list(found.values())

    def chain(self, node: cst.CSTNode) -> Chain:
        """Return the chain of a name and its attributes; empty for a name in a string."""
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
        """
        path = binding.aliases[alias]
        if isinstance(self.parents[alias], cst.Import) or not _is_function(path):
            return bool(places(path))
        used = [name_in(used) for _, used in binding.used_paths(path)]
        return used != [] and path not in used and all(map(current_path, used))

    def follow_dotted(self, binding: Binding) -> None:
        """Edit `import package.module` and `package.module.name`."""
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
        """Edit an import that binds a module to a name, and each use `name.module.attribute`."""
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
            self.replace(*self.span(statement), self.statements(statement, groups))

    def comments_on(self, alias: cst.ImportAlias, statement: cst.ImportFrom) -> str:
        """Return the comments between a name of an import and the next name.

        Those of the first name include the ones before it.
        """
        aliases = [each for each, _ in _aliases(statement)]
        following = aliases[aliases.index(alias) + 1 :]
        start = self.span(statement if alias is aliases[0] else alias)[0]
        end = self.span(following[0])[0] if following else self.span(statement)[1]
        return "  ".join(re.findall(r"#.*", self.code[start:end]))

    def statements(
        self, statement: cst.ImportFrom, groups: dict[str, list[tuple[str, str]]]
    ) -> str:
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

    def span(self, node: cst.CSTNode) -> tuple[int, int]:
        """Return where a node begins and ends in the text."""
        place = self.positions[node]
        start, end = (self.line_starts[p.line - 1] + p.column for p in (place.start, place.end))
        return start, end

    def replace(self, start: int, end: int, text: str) -> None:
        """Record an edit, unless the code between start and end already equals the text."""
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


def _is_function(path: str) -> bool:
    return path.removeprefix(f"{ROOT}.") in FUNCTIONS


def _dotted(node: cst.CSTNode | None) -> str:
    assert node is not None
    return helpers.get_full_name_for_node_or_raise(node)
