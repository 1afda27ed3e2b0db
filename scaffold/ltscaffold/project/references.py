"""References to a component in Python, by scope, and in YAML, by key."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import libcst as cst
import yaml
from libcst import helpers, matchers
from libcst.metadata import Assignment, GlobalScope, ImportAssignment
from libcst.metadata.scope_provider import BaseAssignment

from ltscaffold.merge.source_edits import PythonSource, apply_edits
from ltscaffold.record.answers import LOADER

DOTTED = re.compile(r"[A-Za-z_]\w*(\.\w+)+")


@dataclass(frozen=True)
class Paths:
    """The former and new dotted paths of modules and classes; both have the same length."""

    by_former: Mapping[str, str]

    def renamed(self, path: str) -> str:
        """Return the new path of a module or name, or the path itself if nothing renames it.

        Args:
            path: a dotted path, such as `tasks.mine.model.MineTransformer`; the longest former
                path that it is or starts with decides.
        """
        for former in sorted(self.by_former, key=len, reverse=True):
            if f"{path}.".startswith(f"{former}."):
                return self.by_former[former] + path.removeprefix(former)
        return path


@dataclass(frozen=True)
class Option:
    """A component in a config group.

    Attributes:
        group: such as `task`.
        former: its former option in the group, such as `nlp/mine`.
        new: the new option.
        is_key: whether configs of the group have the option as a key.
    """

    group: str
    former: str
    new: str
    is_key: bool


def rename_in_python(code: str, module: str, paths: Paths) -> str:
    """Return Python code with the names that refer to a path renamed; strings are unchanged.

    Args:
        code: of a module; returned as it is if it is not valid Python.
        module: its dotted path; that of `__init__.py` ends with `.__init__`.
        paths: the new paths.
    """
    try:
        return _Module(code, module, paths).result()
    except cst.ParserSyntaxError:
        return code


class _Module(PythonSource):
    def __init__(self, code: str, module: str, paths: Paths) -> None:
        super().__init__(code)
        self.package, self.paths = module.split(".")[:-1], paths
        self.name = module.removesuffix(".__init__")
        names = matchers.findall(self.tree, matchers.Name())
        self.names = {node.value for node in names if isinstance(node, cst.Name)}

    def result(self) -> str:
        for node in self.imports():
            self.rename_import(node)
        for scope in self.scopes():
            for assignment in scope.assignments:
                self.rename_binding(assignment)
        return self.edited()

    def rename_import(self, node: cst.Import | cst.ImportFrom) -> None:
        base: list[str] = []
        if isinstance(node, cst.ImportFrom):
            base = self.base_of(node)
            base = self.rename_dotted(node.module, base) if node.module else base
        if not isinstance(node.names, cst.ImportStar):
            for alias in node.names:
                self.rename_dotted(alias.name, base)

    def base_of(self, node: cst.ImportFrom) -> list[str]:
        """Return the package that a relative import starts from; nothing for an absolute one."""
        level = len(node.relative)
        return self.package[: len(self.package) - level + 1] if level else []

    def rename_dotted(self, node: cst.CSTNode, base: list[str]) -> list[str]:
        """Rename the parts of a dotted name in an import; return its former path as parts.

        Args:
            node: a name or an attribute.
            base: parts of the path that it is relative to.
        """
        if isinstance(node, cst.Attribute):
            base = self.rename_dotted(node.value, base)
            node = node.attr
        assert isinstance(node, cst.Name)
        path = [*base, node.value]
        self.rename_token(node, ".".join(path))
        return path

    def rename_token(self, node: cst.Name, path: str) -> None:
        """Rename an identifier, unless it is an alias.

        Args:
            node: the identifier.
            path: the former path of what it stands for.
        """
        new = self.paths.renamed(path).rpartition(".")[2]
        if new != node.value == path.rpartition(".")[2]:
            self.edits[self.span(node)] = new

    def rename_binding(self, assignment: BaseAssignment) -> None:
        """Rename a definition or an import, and its uses; a name that is taken keeps the former."""
        path = self.path_of(assignment)
        if path is None:
            return
        new = self.paths.renamed(path).rpartition(".")[2]
        renames = assignment.name == path.rpartition(".")[2] != new
        others = {self.path_of(each) for each in assignment.scope[assignment.name]}
        keeps = renames and (new in self.names or others != {path})
        if isinstance(assignment, ImportAssignment):
            if keeps:
                self.edits[self.span(_alias(assignment))] = f"{new} as {assignment.name}"
        elif renames and not keeps:
            assert isinstance(assignment, Assignment)
            assert isinstance(assignment.node, cst.ClassDef | cst.FunctionDef)
            self.rename_token(assignment.node.name, path)
        for access in assignment.references:
            node: cst.CSTNode = access.node
            while isinstance(node, cst.Attribute):
                node = node.value
            if not isinstance(node, cst.Name) or node not in self.positions:
                continue  # in a string
            if not keeps and node.value == assignment.name:
                self.rename_token(node, path)
            self.rename_attributes(node, path)

    def rename_attributes(self, node: cst.CSTNode, path: str) -> None:
        """Rename the attributes that are read from a name, such as `model` of `mine.model`.

        Args:
            node: the name.
            path: the former path of what it stands for.
        """
        parent = self.parents[node]
        while isinstance(parent, cst.Attribute) and parent.value is node:
            path = f"{path}.{parent.attr.value}"
            self.rename_token(parent.attr, path)
            node, parent = parent, self.parents[parent]

    def path_of(self, assignment: BaseAssignment) -> str | None:
        """Return the dotted path of the module, class or function that a name is bound to.

        None for a variable, and for a definition that is not at the top level.
        """
        if isinstance(assignment, ImportAssignment):
            alias, statement = _alias(assignment), assignment.node
            if isinstance(statement, cst.Import):
                return alias.evaluated_name if alias.asname else assignment.name.partition(".")[0]
            assert isinstance(statement, cst.ImportFrom)
            base = self.base_of(statement)
            module = helpers.get_full_name_for_node(statement.module) if statement.module else None
            return ".".join([*base, *([module] if module else []), alias.evaluated_name])
        node = getattr(assignment, "node", None)
        if isinstance(assignment.scope, GlobalScope) and isinstance(
            node, cst.ClassDef | cst.FunctionDef
        ):
            return f"{self.name}.{assignment.name}"
        return None


def _alias(assignment: ImportAssignment) -> cst.ImportAlias:
    alias = assignment.as_name
    statement = assignment.node
    assert isinstance(statement, cst.Import | cst.ImportFrom)
    assert not isinstance(statement.names, cst.ImportStar)
    return next(
        each for each in statement.names if alias in (each.name, each.asname and each.asname.name)
    )


def rename_in_yaml(text: str, folder: str, paths: Paths, option: Option) -> str:
    """Return a config with dotted paths and selections of an option renamed.

    Args:
        text: of a config; returned as it is if it is not valid YAML.
        folder: of the config below `conf`, such as `task/nlp`.
        paths: the new paths of modules and classes.
        option: the component in its config group.
    """
    try:
        roots = [*yaml.compose_all(text, LOADER)]
    except yaml.YAMLError:
        return text
    edits: dict[tuple[int, int], str] = {}
    top = "callbacks" if re.search(r"^# @package callbacks\b", text, re.MULTILINE) else ""
    for root in roots:
        for key, node, is_key in _scalars(root, top):
            new = _renamed_value(node.value, key, is_key, folder, paths, option)
            if new != node.value:
                start, end = node.start_mark.index, node.end_mark.index
                edits[start, end] = text[start:end].replace(node.value, new)
    return apply_edits(text, edits)


def _scalars(node: yaml.Node | None, key: str) -> Iterator[tuple[str, yaml.ScalarNode, bool]]:
    """Yield each scalar below a node: the key above it, the scalar, and whether it is a key itself.

    Args:
        node: a node of a config; None yields nothing.
        key: the key above the node.
    """
    if isinstance(node, yaml.ScalarNode):
        yield key, node, False
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from _scalars(each, key)
    elif isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if isinstance(name, yaml.ScalarNode):
                yield key, name, True
                yield from _scalars(value, name.value)


def _renamed_value(
    value: str, key: str, is_key: bool, folder: str, paths: Paths, option: Option
) -> str:
    """Return a scalar of a config with a dotted path or the selection of an option renamed.

    Args:
        value: the scalar; any other text is unchanged.
        key: the key above it.
        is_key: whether it is a key itself.
        folder: folder of the config below `conf`.
        paths: the new paths of modules and classes.
        option: the component in its config group.
    """
    group, former = re.escape(option.group), re.escape(option.former)
    if is_key:
        return option.new if option.is_key and key == option.group and value == former else value
    if DOTTED.fullmatch(value):
        return paths.renamed(value)
    # `override /task@package`, `optional task`
    if re.fullmatch(rf"((override|optional)\s+|\+)*/?{group}(@\S+)?", key):
        return re.sub(rf"(^|,)(\s*){former}(?=\s*(,|$))", rf"\g<1>\g<2>{option.new}", value)
    if key == "defaults":
        found = re.fullmatch(r"((?:(?:override|optional)\s+)*)([^@\s]+)(@\S+)?", value)
        selected = f"/{option.group}/{option.former}"
        if found and selected in (found[2], f"/{folder}/{found[2]}"):
            name = option.new.rpartition("/")[2]
            path = re.sub(r"[^/]+$", name, found[2])
            return f"{found[1]}{path}{found[3] or ''}"
        return value
    if option.is_key:
        return re.sub(rf"(\$\{{{group}\.){former}(?=[.}}])", rf"\g<1>{option.new}", value)
    return value
