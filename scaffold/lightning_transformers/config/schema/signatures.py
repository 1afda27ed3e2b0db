"""Describe a class or function that a config names: its arguments, their types and meanings."""

import ast
import json
import re
import sys
from contextlib import suppress
from functools import cache
from inspect import Parameter, getsource, signature, unwrap
from textwrap import dedent
from typing import Any

from pydantic import BaseModel

from lightning_transformers.base.hyperparameters import hyperparameter_annotations, to_yaml
from lightning_transformers.base.value_types import Bounds, bounds_of, evaluated, type_text
from lightning_transformers.config.schema.limits import LIMITS, RELEASES

PACKAGE = "lightning_transformers."
LIBRARIES = ("peft.", "pytorch_lightning.", "torch.", "transformers.")
NAME = r"\w+(?: \([^)]*\)| ?: ?`[^`]*`)?:"
ARGUMENT = rf"^ *(?=(?P<name>\w+)){NAME} +(?P<text>.+(?:\n +(?! *{NAME}).+)*)"
"""An argument in a docstring: `name: text`, `name (type): text`; further lines are indented."""
VARIADIC = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


class Argument(BaseModel):
    """An argument of a class or function, or a key of the config."""

    type: str = "Any"
    """The type of its values, see `base.value_types`."""
    required: bool = False
    default: Any = None
    bounds: dict[str, int | float] = {}
    meaning: str = ""
    requirement: str = ""
    """The releases that have it, such as `peft>=0.21`; empty for all supported ones."""


class Target(BaseModel):
    """The arguments that a config may give to a class or function."""

    name: str
    meaning: str = ""
    is_open: bool = False
    """Whether it takes further keyword arguments of any name."""
    arguments: dict[str, Argument] = {}
    """By name, positional ones first."""


@cache
def describe(function: Any) -> Target:
    """Return the description of a function, or of a class and its declared hyperparameters.

    A function written in C without a signature takes any arguments.
    """
    parameters = _parameters(function)
    meanings = meanings_of(function)
    return Target(
        name=getattr(function, "__name__", str(function)),
        meaning=_first_sentence(function.__doc__ or function.__init__.__doc__ or ""),
        is_open=any(p.kind is Parameter.VAR_KEYWORD for p in parameters),
        arguments={
            p.name: _argument(p, meanings.get(p.name, ""), function.__module__)
            for p in parameters
            if p.kind not in VARIADIC
        },
    )


def _argument(parameter: Parameter, meaning: str, module: str) -> Argument:
    text = type_text(parameter.annotation)
    bounds: Bounds = bounds_of(parameter.annotation)
    is_of_library = f"{module}.".startswith(LIBRARIES)
    if not bounds and is_of_library:
        written, bounds = LIMITS.get(parameter.name, (None, bounds))
        text = written or text
    required, default = parameter.default is Parameter.empty, parameter.default
    if default is None and "None" not in text and text != "Any":
        text += " | None"
    try:
        default = json.loads(json.dumps(None if required else to_yaml(default)))
    except TypeError:
        default = None
    return Argument(
        type=text,
        required=required,
        default=default,
        bounds=dict(bounds),
        meaning=meaning,
        requirement=RELEASES.get(parameter.name, "") if is_of_library else "",
    )


def _parameters(function: Any) -> list[Parameter]:
    """Return the parameters of a function or constructor, with evaluated annotations.

    In tasks and data modules of the package, `**kwargs` are the arguments of the base class, and in
    the end the declared hyperparameters. A constructor of the project is the last: its `**kwargs`
    need not reach the base class.
    """
    root = _root(function)
    if root is None:
        return _own_parameters(function)
    found: dict[str, Parameter] = {}
    for base in function.__mro__:
        if "__init__" not in vars(base):
            continue
        own = _own_parameters(base)
        further = next((p for p in own if p.kind is Parameter.VAR_KEYWORD), None)
        for parameter in own:
            if found and parameter.default is Parameter.empty and parameter is not further:
                # A subclass passes the required parameters of its bases itself.
                parameter = parameter.replace(default=None)
            found.setdefault(parameter.name, parameter)
        if further is None:
            return [*found.values()]
        if base is not root and not base.__module__.startswith(PACKAGE):
            break  # `further` stays: the class takes any
        del found[further.name]
        if base is root:
            break
    for name, annotation in hyperparameter_annotations(function, root).items():
        default = getattr(function, name, Parameter.empty)
        keyword = Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        found.setdefault(name, keyword)
    return [*found.values()]


def _root(function: object) -> type | None:
    """Return `TaskTransformer` or `TransformerDataModule` for a subclass of it, else None."""
    core = sys.modules.get("lightning_transformers.core")
    roots = (core.TaskTransformer, core.TransformerDataModule) if core else ()
    return next((r for r in roots if isinstance(function, type) and issubclass(function, r)), None)


def _own_parameters(function: Any) -> list[Parameter]:
    """Return the parameters of a function, or of the constructor of a class without its bases'."""
    try:
        parameters = [*signature(function).parameters.values()]
    except ValueError:
        return [Parameter("arguments", Parameter.VAR_KEYWORD)]
    code = unwrap(
        getattr(function, "__init__", function) if isinstance(function, type) else function
    )
    scopes = [getattr(code, "__globals__", {})]
    scopes += [vars(sys.modules[base.__module__]) for base in getattr(function, "__mro__", ())]
    return [p.replace(annotation=_evaluated(p.annotation, scopes)) for p in parameters]


def _evaluated(annotation: object, scopes: list[dict[str, Any]]) -> object:
    found = (evaluated(annotation, scope) for scope in scopes)
    return next((each for each in found if each is not object), Any)


def meanings_of(function: Any) -> dict[str, str]:
    """Return the meanings of arguments, from docstrings and from comments at fields."""
    found: dict[str, str] = {}
    for base in reversed(getattr(function, "__mro__", [function])[:-1] or [function]):
        if base.__module__ == "builtins":
            continue
        found |= _in_docstring(vars(base).get("__doc__") or "")
        found |= _in_docstring(getattr(vars(base).get("__init__"), "__doc__", None) or "")
        with suppress(OSError, TypeError, SyntaxError):
            found |= _at_fields(dedent(getsource(base)))
    return found


def _in_docstring(text: str) -> dict[str, str]:
    """Return the first sentence on each argument in the sections of Google's or numpydoc's form."""
    arguments = re.finditer(ARGUMENT, dedent(text), re.MULTILINE)
    return {match["name"]: _first_sentence(match["text"]) for match in arguments}


def _at_fields(source: str) -> dict[str, str]:
    """Return the docstring below each annotated field of a class, or the comment beside it."""
    (node, *_), lines = ast.parse(source).body, source.splitlines()
    body = node.body if isinstance(node, ast.ClassDef) else []
    found = {}
    for field, below in zip(body, [*body[1:], None], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            _, beside, comment = lines[(field.end_lineno or 1) - 1].partition("  # ")
            match below:
                case ast.Expr(ast.Constant(str() as text)):
                    found[field.target.id] = _first_sentence(text)
                case _ if beside:
                    found[field.target.id] = comment
    return found


def _first_sentence(text: str) -> str:
    """Return the first sentence of a text, on one line."""
    paragraph = " ".join(text.strip().partition("\n\n")[0].split())
    return re.split(r"(?<=[.!?]) (?=[A-Z])", paragraph)[0]
