"""The hooks that the templates offer, read from their fragments."""

import __future__

import ast
import builtins
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parents[2] / "templates"
VARIABLES = ["phase", "summary", "when", "parameters", "returns", "result", "imports"]
OPTIONAL = ["decorator", "holds"]


@dataclass(frozen=True)
class Hook:
    name: str
    source: str
    variables: dict[str, Any]
    text: str

    @property
    def signature(self) -> str:
        parameters = ", ".join(["self", *self.variables["parameters"]])
        return f"({parameters}) -> {self.variables['returns']}"

    def stub(self) -> Callable[..., Any]:
        """Return a function of this signature, its annotations left as strings."""
        flags = __future__.annotations.compiler_flag
        namespace: dict[str, Any] = {}
        source = f"def stub{self.signature}: ..."
        exec(compile(source, self.name, "exec", flags=flags), namespace)
        stub: Callable[..., Any] = namespace["stub"]
        return stub


def load_catalogue(folder: str) -> dict[str, Hook]:
    """Return the hooks of a component type by name."""
    environment = Environment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FileSystemLoader(TEMPLATES),
    )
    hooks = {}
    for path in sorted((TEMPLATES / folder).glob("*.jinja")):
        module = environment.get_template(f"{folder}/{path.name}").module
        names = [name for name in VARIABLES + OPTIONAL if name in vars(module)]
        variables = {name: vars(module)[name] for name in names}
        hooks[path.stem] = Hook(path.stem, path.read_text(encoding="utf-8"), variables, str(module))
    return hooks


def names_in(signature: str) -> set[str]:
    """Return the names that a signature needs, those of builtins left out."""
    tree = ast.parse(f"def stub{signature}: ...")
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return names - set(dir(builtins))


def call_shape(function: Callable[..., Any]) -> list[tuple[str, Any, Any]]:
    parameters = inspect.signature(function).parameters.values()
    return [(parameter.name, parameter.kind, parameter.default) for parameter in parameters]
