"""Static findings in the code of a component."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ltscaffold.project.python_code import methods, parse_or_empty
from ltscaffold.project.removed_hooks import removed_hooks
from ltscaffold.record.answers import Component
from ltscaffold.record.component_types import COMPONENT_TYPES
from ltscaffold.templating.catalog import Catalog

IGNORED_BY_GIT = "git ignores it, so `copier update` loses its edits; remove it from .gitignore"


@dataclass(frozen=True)
class Finding:
    """A problem in a project or in templates.

    Attributes:
        code: name of the kind of problem, such as "missing-file".
        path: path relative to the project; empty for a finding without a file.
        line: line number from 1; 0 for the file as a whole.
        message: the fact and the fix.
    """

    code: str
    path: str
    line: int
    message: str


def check_code(path: str, content: bytes, owner: Component, catalog: Catalog) -> Iterator[Finding]:
    """Yield a syntax error, and hooks that Lightning does not call or calls differently.

    Args:
        path: the file, for the findings.
        content: the Python code of the file.
        owner: the component whose class the file may define.
        catalog: the catalog of the project's templates.
    """
    try:
        if not parse_or_empty(content).body:
            ast.parse(content)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", 0) or 0
        yield Finding("syntax-error", path, line, f"invalid Python: {error.args[0]}")
        return
    component_type = COMPONENT_TYPES[owner.type]
    component_class = component_type.class_name(owner.name)
    hooks = catalog.hook_names(component_type)
    for location in removed_hooks(path, content, {component_class: owner.type}):
        yield Finding("former-hook", location.path, location.line, location.message)
    for class_name, method in methods(content):
        if class_name == component_class and method.name in hooks:
            parameters = catalog.hook(component_type, method.name)["parameters"]
            yield from check_signature(path, method, parameters)


def check_signature(path: str, method: ast.FunctionDef, parameters: list[str]) -> Iterator[Finding]:
    """Yield a finding if a hook cannot take the arguments that it is called with.

    Args:
        path: the file, for the finding.
        method: the hook as the user has it.
        parameters: `name: type` of each parameter after `self`.
    """
    expected = ["self", *(parameter.split(":")[0] for parameter in parameters)]
    taken = [argument.arg for argument in (*method.args.posonlyargs, *method.args.args)]
    required, given = len(taken) - len(method.args.defaults), len(expected)
    if not required <= given or (given > len(taken) and method.args.vararg is None):
        message = f"{method.name}({', '.join(taken)}) is called with ({', '.join(expected)})"
        yield Finding("hook-signature", path, method.lineno, message)
