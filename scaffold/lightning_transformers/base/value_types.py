"""Types of config values: what an annotation allows, as text, and the check of a value against it.

A config contains texts, numbers, booleans, null, lists and mappings. `type_text` reduces an
annotation to these, as Python such as `float | None`; `Object` is a mapping with `_target_`, from
which Hydra creates an instance of any other class.
"""

import ast
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import is_dataclass
from enum import Enum
from functools import cache
from inspect import Parameter
from os import PathLike
from pathlib import PurePath
from types import NoneType, SimpleNamespace, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from annotated_types import GroupedMetadata, Len
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    TypeAdapter,
    ValidationError,
)
from pydantic.fields import FieldInfo

from lightning_transformers.base.errors import ConfigurationError, suggestion

Bounds = Mapping[str, int | float]
"""Limits of all numbers in a value: `gt`, `ge`, `lt` and `le`. A bounded number is finite."""

Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""Seed of a random generator, as NumPy demands it."""
Workers = Annotated[int, Field(ge=0, le=256)]
"""Number of processes; the limit keeps a misspelled number from starting them."""

PLAIN = {bool: "bool", int: "int", float: "float", str: "str", NoneType: "None", None: "None"}
LISTS = (Sequence, Collection, Iterable, Set)
INT64 = 2**63
"""From here on, torch raises an OverflowError for an integer."""
UNRESOLVED = r"\$\{|^\?\?\?$"
"""Values that another key, a class or the command line gives."""
WORDS = {
    "int": "an integer",
    "float": "a number",
    "str": "a text",
    "None": "null",
    "Object": "a mapping with _target_",
    "Any": "any value",
}
PLURALS = {"int": "integers", "float": "numbers", "str": "texts"}
LIMITS = {"gt": "above", "ge": "of at least", "lt": "below", "le": "of at most"}


def evaluated(
    annotation: object, scope: Mapping[str, Any], names: Mapping[str, Any] | None = None
) -> object:
    """Return an annotation with its strings evaluated, or `object` if a name in it is not found.

    Args:
        annotation: a string or a type.
        scope: the module that contains it.
        names: the body of the class that contains it.
    """
    # One by one: a name imported only under TYPE_CHECKING would fail those of the whole class.
    holder = SimpleNamespace(__annotations__={"": annotation})
    try:
        return get_type_hints(holder, dict(scope), names, include_extras=True)[""]
    except (NameError, AttributeError, TypeError, SyntaxError):
        return object


def type_text(annotation: Any) -> str:
    """Return the type of the config values that an annotation allows, such as `float | None`.

    Args:
        annotation: an evaluated annotation; an object that is not a type allows `Any`.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__value__"):  # `type Number = int | float`
        return type_text(annotation.__value__)
    if origin is Annotated:
        return type_text(arguments[0])
    if origin in (Union, UnionType):
        parts = dict.fromkeys(part for each in arguments for part in alternatives(type_text(each)))
        # A choice of texts says nothing beside any text.
        kept = [part for part in parts if "str" not in parts or not part.startswith("Literal['")]
        # `typing` caches unions, of which those of the same types are equal in any order.
        return "Any" if "Any" in parts else " | ".join(sorted(kept, key=_rank))
    if origin is Literal and any(isinstance(each, bool) for each in arguments):
        texts = [each for each in arguments if not isinstance(each, bool)]
        return " | ".join(["bool", *[f"Literal[{each!r}]" for each in texts]])
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, arguments))}]"
    if annotation is Any:
        return "Any"
    if annotation in PLAIN:
        return PLAIN[annotation]
    kind = origin or annotation
    if not isinstance(kind, type) or kind is object or annotation is Parameter.empty:
        return "Any" if origin is None else "Object"
    if issubclass(kind, Enum):
        return f"Literal[{', '.join(repr(each.value) for each in kind)}]"
    if issubclass(kind, PurePath) or kind is PathLike:
        return "str"
    if kind is tuple and arguments and Ellipsis not in arguments:
        return f"tuple[{', '.join(map(type_text, arguments))}]"
    if issubclass(kind, Mapping):
        return f"dict[{', '.join(map(type_text, arguments or (Any, Any)))}]"
    if issubclass(kind, list | tuple | set | frozenset) or kind in LISTS:
        return f"list[{type_text(arguments[0]) if arguments else 'Any'}]"
    fields = is_dataclass(kind) or is_typeddict(kind) or hasattr(kind, "model_fields")
    return "dict[str, Any]" if fields else "Object"


def _rank(part: str) -> tuple[int, str]:
    """Return a key to sort the members of a union by, as they are named in a message."""
    order = ("Literal", "bool", "int", "float", "str", "list", "tuple", "dict", "Object", "None")
    return order.index(part.partition("[")[0]), part


def alternatives(text: str) -> list[str]:
    """Return the members of a union, as text: `list[int | str] | None` has two."""
    union = ast.parse(text, mode="eval").body
    parts: list[str] = []
    while isinstance(union, ast.BinOp):
        parts.insert(0, ast.unparse(union.right))
        union = union.left
    return [ast.unparse(union), *parts]


def bounds_of(annotation: Any) -> dict[str, int | float]:
    """Return the limits that an annotation sets to numbers, such as `{"gt": 0}`.

    Args:
        annotation: an evaluated annotation. The limits may be anywhere in it, such as in a member
            of a union.
    """
    found: dict[str, int | float] = {}
    for each in getattr(annotation, "__metadata__", ()):
        grouped = each if isinstance(each, GroupedMetadata) else [each]
        for limit in each.metadata if isinstance(each, FieldInfo) else grouped:
            found |= {name: getattr(limit, name) for name in LIMITS if _limits(limit, name)}
    for each in get_args(annotation):
        found |= bounds_of(each)
    return found


def _limits(limit: object, name: str) -> bool:
    return isinstance(getattr(limit, name, None), int | float)


class _List:
    """A list of any length; from Python, also a tuple or a set."""

    def __class_getitem__(cls, item: Any) -> Any:
        return Annotated[list[item], Strict(False)]


class _FixedList:
    """`tuple[float, float]`: a list of two numbers."""

    def __class_getitem__(cls, items: Any) -> Any:
        items = items if isinstance(items, tuple) else (items,)
        return Annotated[list[Union[items]], Strict(False), Len(len(items), len(items))]  # noqa: UP007


def _instance(value: dict[str, Any]) -> dict[str, Any]:
    if "_target_" not in value:
        raise ValueError
    return value


def _whole(value: object) -> object:
    """Return `1e4`, which YAML reads as a float, as the integer that it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _digits(value: object) -> object:
    """Return a text of digits, such as a revision, which the command line parses as an integer."""
    return str(value) if type(value) is int else value


@cache
def _adapter(text: str, bounds: tuple[tuple[str, float], ...]) -> TypeAdapter[Any]:
    """Return the strict check for a type."""
    limits: dict[str, Any] = dict(bounds)
    scope = {
        "int": Annotated[int, Field(**limits)],
        "float": Annotated[float, Field(**limits, allow_inf_nan=not limits)],
        "Object": Annotated[dict[str, Any], AfterValidator(_instance)],
        "list": _List,
        "tuple": _FixedList,
        "Literal": Literal,
        "Any": Any,
    }
    if "float" not in text:
        scope["int"] = Annotated[scope["int"], BeforeValidator(_whole)]
        if "int" not in text:
            scope["str"] = Annotated[str, BeforeValidator(_digits)]
    return TypeAdapter(eval(text, scope), config=ConfigDict(strict=True))


def checked(key: str, value: Any, text: str, bounds: Bounds) -> Any:
    """Return a config value in the given type: 1e4 becomes an integer, 123 a text.

    Args:
        key: dotted config key of the value, for the error message.
        value: the value, as plain Python.
        text: the type, see `type_text`.
        bounds: limits of the numbers in it.

    Raises:
        ConfigurationError: if the value does not fit.
    """
    words = in_words(text, bounds)
    if isinstance(value, int) and abs(value) >= INT64:
        raise ConfigurationError(f"{key}={value} exceeds 64 bits: set {words}")
    with suppress(ValidationError):
        return _adapter(text, tuple(sorted(bounds.items()))).validate_python(value)
    shown = {"None": "null", "True": "true", "False": "false"}.get(repr(value), value)
    fix = suggestion(str(value), re.split(", | or ", words)) + ": set one"
    if isinstance(value, str):
        with suppress(ValueError):
            json.loads(value)
            shown, fix = repr(value), ": remove the quotes"
    elif "a text" in words and isinstance(value, int | float):
        fix = ": quote it"
    raise ConfigurationError(f"{key}={shown} is not {words}{fix}")


def json_schema(text: str, bounds: Bounds) -> dict[str, Any]:
    """Return the JSON schema of a type, which also allows an interpolation and `???`.

    Args:
        text: the type, see `type_text`.
        bounds: limits of the numbers in it.
    """
    own = _adapter(text, tuple(sorted(bounds.items()))).json_schema()
    return {"anyOf": [*own.get("anyOf", [own]), {"type": "string", "pattern": UNRESOLVED}]}


def in_words(text: str, bounds: Bounds) -> str:
    """Return a type in the words of a message, such as `a number above 0 or null`.

    Args:
        text: the type, see `type_text`.
        bounds: limits of the numbers in it.
    """
    # A mapping with `_target_`, which everyone may give, is named only where nothing else fits.
    parts = alternatives(text)
    if {*parts} - {"Object", "None"}:
        parts = [part for part in parts if part != "Object"]
    limits = " and".join(f" {LIMITS[name]} {limit}" for name, limit in bounds.items())
    words = [
        word
        for part in sorted(parts, key="None".__eq__)
        if part != "int" or "float" not in parts
        for word in _member_in_words(part, limits)
    ]
    *first, last = dict.fromkeys(words)
    return f"{', '.join(first)} or {last}" if first else last


def _member_in_words(part: str, limits: str) -> list[str]:
    node = ast.parse(part, mode="eval").body
    if part == "bool":
        return ["true", "false"]
    if not isinstance(node, ast.Subscript):
        return [WORDS[part] + (limits if part in ("int", "float") else "")]
    items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    match ast.unparse(node.value):
        case "Literal":
            return [str(ast.literal_eval(item)).replace("False", "false") for item in items]
        case "dict":
            return ["a mapping"]
        case name:
            kinds = [k for k in alternatives(ast.unparse(items[0])) if k != "Object"]
            words = " or ".join(dict.fromkeys(PLURALS.get(kind, "values") for kind in kinds))
            number = "" if name == "list" else f"{len(items)} "
            numeric = limits if {"int", "float"} & {*kinds} else ""
            return [f"a list of {number}{words or 'mappings'}{numeric}"]
