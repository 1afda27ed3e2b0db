"""Classes as their source defines them, found by dotted path without an import."""

import ast
import builtins
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path

from ltscaffold.project.python_code import parse_or_empty, python_files
from ltscaffold.record.component_types import CALLBACK, DATASET, TASK

ROOTS = {"LightningModule": TASK, "LightningDataModule": DATASET, "Callback": CALLBACK}
"""Classes of Lightning, by the component type whose classes derive from them."""


@dataclass
class Module:
    """A parsed module: its classes, and the dotted paths of the names that it imports."""

    name: str
    path: Path
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)
    star_imports: list[str] = field(default_factory=list)
    others: set[str] = field(default_factory=set)
    """Functions and variables."""

    @property
    def names(self) -> set[str]:
        """All names that the module defines or imports."""
        return {*self.classes, *self.imports, *self.others}


@dataclass
class ClassSource:
    """A class: its module, its definition, its bases, and whether all bases were found."""

    module: Module
    node: ast.ClassDef
    bases: list["ClassSource"]
    has_all_bases: bool

    @cached_property
    def members(self) -> dict[str, ast.stmt]:
        """The methods and class attributes of the body, by name; of a property its getter."""
        return {name: node for node in reversed(self.node.body) for name in _names(node)}

    @cached_property
    def inherited(self) -> "Mapping[str, tuple[ClassSource, ast.stmt]]":
        """The members of the ancestors by name, each with its class; the nearest one counts."""
        if len(self.bases) == 1:
            return self.bases[0].visible
        return {
            name: (each, member)
            for each in reversed(self.ancestry[1:])
            for name, member in each.members.items()
        }

    @cached_property
    def visible(self) -> "Mapping[str, tuple[ClassSource, ast.stmt]]":
        """The members that a subclass inherits, computed once for all of them."""
        return {**self.inherited, **{name: (self, node) for name, node in self.members.items()}}

    @cached_property
    def annotated(self) -> set[str]:
        """The public attributes of the body with an annotation other than ClassVar."""
        return {
            name
            for name, member in self.members.items()
            if isinstance(member, ast.AnnAssign) and name[0] != "_"
            if "ClassVar" not in ast.unparse(member.annotation)
        }

    @cached_property
    def extended(self) -> set[str]:
        """The attributes of anything but `self`, such as `super().setup` or `Base.setup`."""
        return {
            node.attr
            for node in ast.walk(self.node)
            if isinstance(node, ast.Attribute)
            and not (isinstance(node.value, ast.Name) and node.value.id == "self")
        }

    @cached_property
    def ancestry(self) -> "list[ClassSource]":
        """The class and its ancestors, each before its own bases."""
        every = [self, *(each for base in self.bases for each in base.ancestry)]
        # A base that several classes share follows all of them, as in the MRO.
        return list({id(each.node): each for each in reversed(every)}.values())[::-1]

    @property
    def is_complete(self) -> bool:
        """Whether the whole ancestry was found."""
        return all(each.has_all_bases for each in self.ancestry)

    @property
    def component_type(self) -> str | None:
        """The type of a component with such a class, or None."""
        for each in self.ancestry:
            if each.is_in("pytorch_lightning") and each.node.name in ROOTS:
                return ROOTS[each.node.name].name
        return None

    def is_in(self, package: str) -> bool:
        """Return whether the class is defined in a package."""
        return self.module.name.startswith(f"{package}.")

    def methods(self) -> Iterator[ast.FunctionDef]:
        """Yield the methods of the body."""
        yield from (each for each in self.members.values() if isinstance(each, ast.FunctionDef))


class Sources:
    """The classes of a project and of installed packages.

    Args:
        project: the folder of the project, whose modules take precedence.
    """

    def __init__(self, project: Path) -> None:
        self.project = project
        self._found: dict[str, ClassSource | None] = {}
        self._modules: dict[str, Module | None] = {}
        self._own: dict[str, bool] = {}
        self._parents: dict[str, list[Path]] = {}

    def is_own(self, source: ClassSource) -> bool:
        """Return whether a class is defined in the project."""
        module = source.module
        if module.name not in self._own:
            # An environment in the project's folder is not its own.
            top = self.project / module.name.split(".")[0]
            self._own[module.name] = module.path.is_relative_to(top)
        return self._own[module.name]

    def module(self, name: str) -> Module | None:
        """Return a module by its dotted name, or None if no file has it."""
        if name not in self._modules:
            self._modules[name] = self._module(name)
        return self._modules[name]

    def _module(self, name: str) -> Module | None:
        top, *inner = name.split(".")
        if top not in self._parents:
            self._parents[top] = _package_parents(top)
        for folder in (self.project, *self._parents[top]):
            place = folder.joinpath(top, *inner)
            for path in (place / "__init__.py", place.with_name(f"{place.name}.py")):
                if path.is_file():
                    return _parsed(name, path, path.stat().st_mtime_ns)
        return None

    def mentions(self, name: str) -> bool:
        """Return whether the project's code has an attribute or a string of a name.

        Args:
            name: the name; as an attribute of `super()` it does not count.
        """
        use = re.compile(rf"(?<!super\(\))\.{name}\b|['\"]{name}['\"]")
        return any(map(use.search, self._texts))

    def uses(self, name: str) -> bool:
        """Return whether the project's code has an attribute of a name, besides `super()`'s."""
        return name in self._attributes

    @cached_property
    def _attributes(self) -> set[str]:
        nodes = (node for text in self._texts for node in ast.walk(parse_or_empty(text)))
        return {
            node.attr
            for node in nodes
            if isinstance(node, ast.Attribute) and not _is_of_super(node)
        }

    @cached_property
    def _texts(self) -> list[str]:
        """The Python files of the project."""
        paths = map(self.project.joinpath, python_files(self.project))
        return [path.read_text(encoding="utf-8", errors="replace") for path in paths]

    def classes(self, path: str) -> list[ClassSource]:
        """Return the classes that a Python file of the project defines."""
        name = path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        module = self.module(name)
        found = [self.find(f"{name}.{each}") for each in module.classes] if module else []
        return [each for each in found if each]

    def find(self, path: str) -> ClassSource | None:
        """Return a class by its dotted path, also one that a module only imports, or None."""
        if path not in self._found:
            self._found[path] = None  # ends a circle of imports
            self._found[path] = self._find(path)
        return self._found[path]

    def _find(self, path: str) -> ClassSource | None:
        module_name, _, name = path.rpartition(".")
        module = self.module(module_name) if module_name else None
        if module is None:
            return None
        if name not in module.classes:
            origins = [module.imports[name]] if name in module.imports else module.star_imports
            paths = origins if name in module.imports else [f"{each}.{name}" for each in origins]
            return next(filter(None, map(self.find, paths)), None)
        node, bases, has_all_bases = module.classes[name], [], True
        for expression in node.bases:
            generic = expression.value if isinstance(expression, ast.Subscript) else expression
            base = self._base(module, ast.unparse(generic))
            bases += [base] if base else []
            has_all_bases &= base is not None or hasattr(builtins, ast.unparse(generic))
        return ClassSource(module, node, bases, has_all_bases)

    def _base(self, module: Module, name: str) -> ClassSource | None:
        first, _, rest = name.partition(".")
        origin = module.imports.get(first, f"{module.name}.{first}")
        return self.find(f"{origin}.{rest}" if rest else origin)


def _is_of_super(node: ast.expr) -> bool:
    """Return whether an expression begins with `super().`."""
    while True:
        match node:
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super"), args=[], keywords=[])):
                return True
            case ast.Attribute(value=inner) | ast.Subscript(value=inner) | ast.Call(func=inner):
                node = inner
            case _:
                return False


def _package_parents(top: str) -> list[Path]:
    """Return the folders with an installed top-level module; it is not imported."""
    try:
        spec = find_spec(top)
    except (ValueError, ImportError):
        spec = None
    if spec is None:
        return []
    places = spec.submodule_search_locations or ([spec.origin] if spec.origin else [])
    return [Path(place).parent for place in places]


@cache
def _parsed(name: str, path: Path, changed: int) -> Module:
    """Return a module, parsed once for each time of its last change."""
    module = Module(name, path)
    package = name.split(".")[: None if path.name == "__init__.py" else -1]
    for node in _statements(parse_or_empty(path.read_bytes()).body):
        match node:
            case ast.ClassDef():
                module.classes[node.name] = node
            case ast.Import():
                for alias in node.names:
                    top = alias.name.partition(".")[0]
                    module.imports[alias.asname or top] = alias.name if alias.asname else top
            case ast.ImportFrom():
                parents = package[: len(package) + 1 - node.level] if node.level else []
                origin = ".".join([*parents, *filter(None, [node.module])])
                for alias in node.names:
                    if alias.name == "*":
                        module.star_imports.append(origin)
                    module.imports[alias.asname or alias.name] = f"{origin}.{alias.name}"
            case _:
                module.others |= {*_names(node)}
    return module


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module, also those under `if` and `try`."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try):
            yield from _statements([*node.body, *node.orelse])


def _names(node: ast.stmt) -> list[str]:
    """Return the names that a definition or an assignment binds."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return [name]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case ast.Assign(targets=targets):
            return [each.id for each in targets if isinstance(each, ast.Name)]
    return []
