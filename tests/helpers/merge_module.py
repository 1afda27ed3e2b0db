"""A module of a template as rich as users' templates get, and what it takes to run it."""

import ast
import importlib
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, ClassVar

Namespace = dict[str, Any]

CONSTANTS = '''
LOG = logging.getLogger(__name__)
LIMIT = 5
WIDTH = LIMIT * 2
TABLE = {
    "a": 1,
    "b": 2,
}

if LIMIT > 3:
    MODE = "big"
else:
    MODE = "small"

try:
    import fastlib
except ImportError:
    fastlib = None


def rounded(value: float) -> float:
    """Return a rounded value."""
    digits = 2
    return round(value, digits)


def doubled(value: float) -> float:
    return value * 2
'''
FIELDS = """
    ratio: float = 0.5
    depth: int = 2
"""
METHODS = '''
    def blend(self, x: float) -> float:
        """Return a blend."""
        a = scale(x, self.ratio)
        b = clip(a, LIMIT)
        self.note("a", a)
        c = a + b
        self.note("b", b)
        return c * self.depth

    def note(self, key: str, value: float) -> None:
        """Keep a value."""
        self.__dict__.setdefault("notes", []).append((key, value))

    @property
    def title(self) -> str:
        """The title."""
        return "-".join(["a", "b"])

    @traced
    @counted
    def total(self) -> OrderedDict[str, int]:
        """Return a total."""
        total = 0
        for i in range(3):
            total += i
        total = total + 1
        return OrderedDict(total=total)

    def _weight(self) -> float:
        return 0.25

    def weighted(self) -> float:
        return self._weight() * 4


def finished(x: float) -> float:
    return rounded(x) * 2
'''
ZOOLIB = """
def clip(a, limit): return min(a, limit)
def scale(x, a): return x * a
def mean(x): return sum(x) / len(x)
def traced(f): f.marks = (*getattr(f, "marks", ()), "traced"); return f
def counted(f): f.marks = (*getattr(f, "marks", ()), "counted"); return f
def registered(c): c.registered = True; return c
class Mixin: mixed = True
"""
OTHER_ZOOLIB = "def clip(a, limit): return -min(a, limit)\ndef scale(x, a): return -x * a\n"
STUBBED = {
    *("lightning_transformers", "pytorch_lightning", "torch", "transformers", "datasets"),
    *("tokenizers", "torchmetrics", "peft", "PIL", "fancy"),
}


def enriched(text: str) -> str:
    """Return a rendered module with constants, helpers, fields and methods of a larger template."""
    head, rest = text.split('"""\n\n', 1)
    stdlib = "import logging\nfrom collections import OrderedDict\n"
    if rest.partition(" ")[2].partition(" ")[0].partition(".")[0] not in sys.stdlib_module_names:
        stdlib += "\n"
    imports, body = rest.split("\n\n\nclass ", 1)
    node = ast.parse(f"class {body}").body[0]
    assert isinstance(node, ast.ClassDef)
    lines = f"class {body}".rstrip("\n").split("\n")
    place = node.body[0].end_lineno
    zoolib = "from zoolib import clip, counted, scale, traced\n"
    above, below = "\n".join(lines[:place]), "\n".join(lines[place:])
    if isinstance(node.body[1], ast.AnnAssign):
        below = below.removeprefix("\n")
    code = f"{above}\n{FIELDS}{below}\n{METHODS}"
    return f'{head}"""\n\n{stdlib}{imports}\n{zoolib}{CONSTANTS}\n\n{code}'


class Stub(type):
    """A class whose attributes are stubs, too; called with a function alone it decorates."""

    def __getattr__(cls, name: str) -> "Stub":
        if name.startswith("__") or cls.__module__ != __name__:
            raise AttributeError(name)
        return Stub(name, (), {})

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls.__module__ != __name__:
            return super().__call__(*args, **kwargs)
        return args[0] if len(args) == 1 and callable(args[0]) else Stub("result", (), {})

    def __getitem__(cls, item: object) -> "Stub":
        return cls

    def __or__(cls, other: object) -> "Stub":  # type: ignore[override]
        return cls

    __ror__ = __or__  # type: ignore[assignment]


class StubModule(ModuleType):
    __path__: ClassVar[list[str]] = []

    def __getattr__(self, name: str) -> Stub:
        if name.startswith("__"):
            raise AttributeError(name)
        return Stub(name, (), {})


class StubFinder(MetaPathFinder, Loader):
    """Finds a stub for each module of the packages that generated code imports."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        package = name.partition(".")[0]
        return ModuleSpec(name, self, is_package=True) if package in STUBBED else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return StubModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


@contextmanager
def stubbed() -> Iterator[None]:
    """Replace the packages that generated code imports by stubs."""
    saved = {
        name: sys.modules.pop(name) for name in [*sys.modules] if name.partition(".")[0] in STUBBED
    }
    finder = StubFinder()
    sys.meta_path.insert(0, finder)
    for name, code in (("zoolib", ZOOLIB), ("zoolib2", OTHER_ZOOLIB)):
        sys.modules[name] = ModuleType(name)
        exec(code, vars(sys.modules[name]))
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [*sys.modules]:
            if name.partition(".")[0] in STUBBED | {"zoolib", "zoolib2"}:
                del sys.modules[name]
        sys.modules.update(saved)


def executed(text: str) -> Namespace:
    """Return the namespace of a module that ran, within `stubbed`."""
    handlers = sys.modules.pop("logging.handlers", None)
    vars(logging).pop("handlers", None)
    try:
        namespace: Namespace = {"__name__": "merged"}
        exec(compile(text, "merged", "exec", dont_inherit=True), namespace)
        return namespace
    finally:
        if handlers is not None:
            sys.modules["logging.handlers"] = handlers
            vars(logging)["handlers"] = handlers
        importlib.invalidate_caches()


def own_class(namespace: Namespace) -> Any:
    """Return the generated class of a module, which has `blend`."""
    found = [
        each
        for each in namespace.values()
        if isinstance(each, type) and each.__module__ == "merged" and "note" in vars(each)
    ]
    return found[-1]


def instance(namespace: Namespace) -> Any:
    """Return an instance of the generated class."""
    return object.__new__(own_class(namespace))
