"""Docstrings of public functions name the exceptions raised and the shapes of tensors.

A method that overrides another is documented where it is declared, and a command of the command
line shows its docstring as help; both are exempt.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytorch_lightning import Callback, LightningDataModule, LightningModule
from torch.optim import Optimizer
from torchmetrics import Metric

from build_tools.release_templates import ROOT

PACKAGES = ("scaffold/ltscaffold", "scaffold/lightning_transformers")
HOOKS = {
    n for c in (Callback, LightningDataModule, LightningModule, Optimizer, Metric) for n in dir(c)
}
COMMANDS = ("app.", "plan_command(")
SIZE = r"(?:[A-Za-z0-9_]+(?: ?[-+*/] ?[A-Za-z0-9_]+)*|\.\.\.|…)"
SHAPE = re.compile(rf"\({SIZE},(?: {SIZE},?)*\)|\b(scalars?|shapes?)\b")
# Control flow, and the mark of a method that a subclass defines.
SILENT = {"SystemExit", "NotImplementedError"}

Function = ast.FunctionDef | ast.AsyncFunctionDef
Scope = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


@dataclass(frozen=True)
class Class:
    """A class of a package: the names of its bases and of its methods."""

    bases: list[str]
    methods: set[str]


def findings(root: Path) -> Iterator[str]:
    """Yield a line for each exception or shape that a public docstring does not name."""
    trees = {path: ast.parse(path.read_text("utf-8")) for path in modules(root)}
    classes = {
        node.name: Class(
            [ast.unparse(base).rpartition(".")[2] for base in node.bases],
            {method.name for method in functions(node)},
        )
        for tree in trees.values()
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    }
    for path, tree in trees.items():
        for function in public_functions(tree, classes):
            docstring = ast.get_docstring(function) or ""
            place = f"{path.relative_to(root).as_posix()}:{function.lineno}: {function.name}"
            for name in sorted(set(raised(function))):
                if not re.search(rf"\b[Rr]aises?\b.*\b{name}\b", docstring, re.DOTALL):
                    yield f"{place} raises {name}, which its docstring does not name"
            if takes_or_returns_tensors(function) and not SHAPE.search(docstring):
                yield f"{place} takes or returns tensors, and its docstring names no shape"


def modules(root: Path) -> list[Path]:
    """Return the modules of both packages, sorted."""
    return sorted(path for package in PACKAGES for path in (root / package).rglob("*.py"))


def public_functions(tree: ast.Module, classes: dict[str, Class]) -> Iterator[Function]:
    """Yield functions and methods of a module, except private, overriding and nested ones."""
    yield from (node for node in functions(tree) if not is_exempt(node))
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            inherited = HOOKS | set(names_of_bases(classes, node.name))
            for method in functions(node):
                if not is_exempt(method) and method.name not in inherited:
                    yield method


def functions(node: ast.Module | ast.ClassDef) -> Iterator[Function]:
    """Yield the functions of a module or the methods of a class."""
    yield from (child for child in node.body if isinstance(child, Function))


def is_exempt(function: Function) -> bool:
    """Return whether a function is private, a command or declared an override."""
    decorators = [ast.unparse(decorator) for decorator in function.decorator_list]
    return function.name.startswith("_") or any(
        name.startswith(COMMANDS) or name == "override" for name in decorators
    )


def names_of_bases(classes: dict[str, Class], name: str) -> Iterator[str]:
    """Yield the names of the methods that a class inherits from classes of the packages."""
    for base in classes[name].bases:
        if base in classes and base != name:
            yield from classes[base].methods
            yield from names_of_bases(classes, base)


def raised(function: Function) -> Iterator[str]:
    """Yield the names of the exceptions that the body of a function constructs and raises."""
    for node in own_nodes(function):
        match node:
            case ast.Raise(exc=ast.Call(ast.Name(name) | ast.Attribute(attr=name))):
                if name[:1].isupper() and name not in SILENT:
                    yield name


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes below a node, without those of nested functions and classes."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, Scope):
            yield child
            yield from own_nodes(child)


def takes_or_returns_tensors(function: Function) -> bool:
    """Return whether an annotation of a function names a tensor or a batch."""
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    annotations = [argument.annotation for argument in every] + [function.returns]
    return any(
        re.search(r"\b(Tensor|Batch)\b", ast.unparse(annotation))
        for annotation in annotations
        if annotation is not None
    )


def test_docstrings_name_exceptions_and_shapes() -> None:
    found = list(findings(ROOT))
    assert not found, "\n".join([f"{len(found)} docstrings", *found])


CHECK = 'def check(value):\n    """Check a value.{}"""\n    raise ValueError(value)\n'
COUNT = 'def count(batch: dict[str, Tensor]) -> int:\n    """Return the labels of a batch.{}"""\n'
METHOD = 'class Task(Base):\n    def run_batch(self, batch: Batch) -> None:\n        """Step."""\n'


@pytest.mark.parametrize(
    "module",
    [
        CHECK.format(""),
        CHECK.format("\n\n    Raises:\n        TypeError: if it is no ValueErr.\n    "),
        COUNT.format(""),
        COUNT.format(" (See the paper, section 2.)"),
        METHOD,
        'class Optimizer2:\n    def closure(self) -> Tensor:\n        """Return it."""\n',
    ],
)
def test_a_silent_docstring_is_found(module: str, tmp_path: Path) -> None:
    write(tmp_path, module)
    assert len(list(findings(tmp_path))) == 1


@pytest.mark.parametrize(
    "module",
    [
        CHECK.format("\n\n    Raises:\n        ValueError: always.\n    "),
        CHECK.format(" It raises ValueError, always."),
        COUNT.format(" `labels` is (batch, seq)."),
        COUNT.format(" `loss` is a scalar."),
        f"class Base:\n    def run_batch(self):\n        ...\n{METHOD}",
        METHOD.replace("run_batch", "training_step"),
        METHOD.replace("    def", "    @override\n    def"),
        METHOD.replace("run_batch", "_step"),
        f"@app.command()\n{CHECK.format('')}",
        'def outer():\n    """Nest."""\n    def inner():\n        raise ValueError(1)\n',
        'def f():\n    """Run."""\n    try:\n        run()\n    except E as e:\n        raise e',
    ],
)
def test_a_complete_docstring_passes(module: str, tmp_path: Path) -> None:
    write(tmp_path, module)
    assert list(findings(tmp_path)) == []


def write(root: Path, module: str) -> None:
    """Write a module into the package of a checkout."""
    (root / PACKAGES[0]).mkdir(parents=True)
    (root / PACKAGES[0] / "module.py").write_text(module)
