"""Static findings in the code and the configs of a component."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from ltscaffold.project.python_code import defined_names, methods
from ltscaffold.project.removed_hooks import removed_hooks
from ltscaffold.record.answers import Component
from ltscaffold.record.component_types import COMPONENT_TYPES
from ltscaffold.templating.catalog import Catalog
from ltscaffold.writing.plan import read

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


def check_config(project: Path, path: str, content: bytes) -> Iterator[Finding]:
    """Yield a YAML error, and each `_target_` in the project that does not exist.

    Args:
        project: the folder of the project.
        path: the file, for the findings.
        content: the YAML of the file.
    """
    try:
        config = yaml.compose(content, yaml.SafeLoader)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        message = "invalid YAML: " + " ".join(str(error).split())[:120]
        yield Finding("yaml-error", path, mark.line + 1 if mark else 0, message)
        return
    for line, target in find_targets(config):
        module, _, name = target.rpartition(".")
        code = read(project, module.replace(".", "/") + ".py")
        if code is None and (project / module.split(".")[0]).is_dir():
            yield Finding("target", path, line, f"_target_ {target}: {module} does not exist")
        elif code is not None and name not in defined_names(code):
            yield Finding("target", path, line, f"_target_ {target}: {module} has no {name}")


def find_targets(node: yaml.Node | None) -> Iterator[tuple[int, str]]:
    """Yield each `_target_` in a config with its line."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == "_target_" and isinstance(value, yaml.ScalarNode):
                yield value.start_mark.line + 1, value.value
            else:
                yield from find_targets(value)
