"""Cache keys of processed datasets, derived from rows, code and arguments."""

import inspect
import json
import logging
import re
from collections.abc import Callable
from functools import cached_property, partial
from io import BytesIO
from pathlib import PurePath
from typing import Any
from uuid import uuid4

from datasets import Dataset
from datasets.fingerprint import Hasher
from datasets.utils._dill import Pickler
from transformers import BaseImageProcessor, PreTrainedConfig, PreTrainedTokenizerBase

from lightning_transformers.base.digests import digest_of
from lightning_transformers.base.hyperparameters import hyperparameters_of, members
from lightning_transformers.base.types import Settings
from lightning_transformers.data.source_code import (
    is_interactive,
    module_of,
    module_sources,
    package_versions,
)

log = logging.getLogger(__name__)

IGNORED_OPTIONS = {
    *("batch_size", "cache_dir", "group_by_length", "load_from_cache_file", "num_workers")
}
"""Hyperparameters of a data module that do not affect the processed rows."""

MODEL_ORIGIN = {"_name_or_path", "transformers_version"}
"""Values of a model's config that record its origin."""

TOKENIZER_ORIGIN = {
    "deprecation_warnings",
    "files_loaded",
    "init_inputs",
    "init_kwargs",
    "name_or_path",
    "verbose",
}
"""Attributes of a tokenizer that record its origin and its past warnings."""

PLAIN_TYPES: tuple[type, ...] = (
    type(None),
    str,
    int,
    float,
    bytes,
    PurePath,
    re.Pattern,
    partial,
    PreTrainedTokenizerBase,
    BaseImageProcessor,
)
"""Types of attributes that enter the key, beside functions, and containers of all these."""

RULES: dict[str, str] = {}
"""The result of `rules_digest` by the digest of its arguments.

Each map of each split asks for it, and a vocabulary of 256,000 tokens takes half a second to parse.
"""


def fingerprint(
    rows: Dataset, function: Callable[..., object], arguments: Settings, root: type
) -> str:
    """Return the cache key of `Dataset.map(function)`, its `new_fingerprint`.

    `datasets` itself hashes a function of a module by its name, which misses edits, and a method
    with its whole object, which differs between processes. This key contains the function's code,
    closure and defaults; the source of its module and of the first-party modules imported there;
    the versions of installed packages; for a method its class and bases, and of the data module
    hyperparameters, processor, plain attributes and the model's config.

    Args:
        rows: the dataset before the function.
        function: the function or method.
        arguments: its keyword arguments.
        root: base class; annotations in it and its subclasses declare hyperparameters.

    Returns:
        32 hexadecimal digits, equal in every process; random ones, with a warning, if a value
        cannot be pickled.
    """
    description = Description(root)
    parts = [rows._fingerprint, description.code(function), description.value(dict(arguments))]
    modules = description.modules
    releases = package_versions(*modules, "transformers", "tokenizers")
    return digest_of([*parts, module_sources(*modules), releases])


def processor_digest(processor: object) -> str:
    """Return 32 hexadecimal digits for the rules of a tokenizer or image processor."""
    return digest_of(Description(object).value(processor))


class Description:
    """Describes values and code in JSON's types, identically in every process.

    Args:
        root: base class of data modules; annotations in it and below declare hyperparameters.
    """

    def __init__(self, root: type) -> None:
        self.root = root
        self.modules: set[str] = set()
        """Modules of everything described so far, whose source enters the key."""
        self._open: list[int] = []

    def value(self, value: object) -> object:
        """Return a description of a value that is equal for equal values."""
        if value is None or isinstance(value, str | int | float):
            return value
        if id(value) in self._open:  # a reference cycle
            return {"within": self._open.index(id(value))}
        self._open.append(id(value))
        try:
            return self._parts(value)
        finally:
            self._open.pop()

    def code(self, function: Any) -> object:
        """Describe a function by its name, code, closure, defaults and object."""
        if isinstance(function, partial):
            return [self.code(function.func), self.value([function.args, function.keywords])]
        if not hasattr(function, "__qualname__"):  # a callable object
            return self.code(function.__call__)
        own = getattr(function, "__func__", function)
        # The name is ambiguous for lambdas and functions that are defined conditionally.
        code = hash_of(getattr(own, "__code__", None))
        defaults = [getattr(own, name, None) for name in ("__defaults__", "__kwdefaults__")]
        owner = getattr(function, "__self__", None)
        return [self._origin(own), code, self.value([defaults, closure_of(own), owner])]

    def _parts(self, value: object) -> object:
        match value:
            case dict():  # in order, which may matter, as for substitutions
                pairs = [[self.value(key), self.value(part)] for key, part in value.items()]
                return {"pairs": pairs}
            case list():
                return [self.value(part) for part in value]
            case tuple():
                return {"tuple": [self.value(part) for part in value]}
            case set() | frozenset():
                return {"set": sorted(json.dumps(self.value(part)) for part in value)}
            case PreTrainedTokenizerBase():
                return self._tokenizer(value)
            case BaseImageProcessor():
                return [self._class(type(value)), self._settings(value.to_dict())]
            case PreTrainedConfig():
                settings = {k: v for k, v in value.to_dict().items() if k not in MODEL_ORIGIN}
                return [self._class(type(value)), self._settings(settings)]
            case type():
                return self._class(value)
        if isinstance(value, self.root):
            return self._data(value)
        if isinstance(value, partial) or inspect.isroutine(value):
            return self.code(value)
        return [self._class(type(value)), hash_of(value)]

    def _settings(self, settings: Settings) -> object:
        return self.value(dict(sorted(settings.items())))

    def _origin(self, part: Any) -> list[object]:
        """Describe a function or class by its name, and record its module."""
        module = module_of(part)
        self.modules.add(module)
        # Interactive code has no file; the hash of datasets covers it and all globals it uses.
        return [module, part.__qualname__, hash_of(part) if is_interactive(module) else None]

    def _class(self, cls: type) -> list[object]:
        """Describe a class by its bases; one defined in a function by its members too."""
        made = [base for base in cls.__mro__ if "<locals>" in base.__qualname__]
        own = [self._settings(plain_attributes(members(base))) for base in made]
        return [[self._origin(base) for base in cls.__mro__], own]

    def _data(self, data: Any) -> list[object]:
        """Describe a data module by all that affects its rows.

        Its class, hyperparameters, processor, the model's config and plain attributes, without
        cached properties.
        """
        cls = type(data)
        state = hyperparameters_of(data, self.root) | {
            name: value
            for name, value in plain_attributes(vars(data)).items()
            if not isinstance(getattr(cls, name, None), cached_property)
        }
        ignored = IGNORED_OPTIONS | {name for name in state if name.startswith("_hparams")}
        state = {name: value for name, value in state.items() if name not in ignored}
        state |= {"processor": data.processor, "model_config": data.known_config()}
        return [self._class(cls), self._settings(state)]

    def _tokenizer(self, tokenizer: PreTrainedTokenizerBase) -> list[object]:
        """Describe a tokenizer by its rules, without padding and truncation of the last call."""
        cls = self._class(type(tokenizer))
        backend: Any = getattr(tokenizer, "backend_tokenizer", None)
        try:
            rules = rules_digest(backend.to_str(), backend.encode_special_tokens)
        except Exception:  # a tokenizer or rule in Python
            return [cls, hash_of(tokenizer)]
        tokens = {name: str(token) for name, token in tokenizer.special_tokens_map.items()}
        attributes = plain_attributes(vars(tokenizer))
        settings = {k: v for k, v in attributes.items() if k not in TOKENIZER_ORIGIN}
        return [cls, self._settings(tokens), self._settings(settings), rules]


def rules_digest(text: str, encode_special_tokens: bool) -> str:
    """Return 32 hexadecimal digits for a tokenizer's rules, without padding and truncation.

    Args:
        text: the JSON of a fast tokenizer.
        encode_special_tokens: whether special tokens in a text are split like other words.
    """
    key = digest_of([text, encode_special_tokens])
    if key not in RULES:
        rules = json.loads(text) | {"truncation": None, "padding": None}
        RULES[key] = digest_of(rules | {"encode_special_tokens": encode_special_tokens})
    return RULES[key]


def closure_of(function: Callable[..., object]) -> list[object]:
    """Return the values in the closure of a function, except for `__class__`."""
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    cells = zip(names, getattr(function, "__closure__", None) or (), strict=False)
    return [cell.cell_contents for name, cell in cells if name != "__class__"]


def plain_attributes(values: Settings) -> dict[str, object]:
    """Return the attributes whose value is plain and not None."""
    return {k: v for k, v in values.items() if v is not None and is_plain(v)}


def is_plain(value: object) -> bool:
    """Return whether a value is of `PLAIN_TYPES`, a function, or a container of these."""
    try:
        match value:
            case dict():
                return all(is_plain(part) for pair in value.items() for part in pair)
            case list() | tuple() | set() | frozenset():
                return all(map(is_plain, value))
    except RecursionError:  # a reference cycle
        return False
    return isinstance(value, PLAIN_TYPES) or inspect.isroutine(value)


class OrderedPickler(Pickler):  # type: ignore[misc]
    """The pickler of `datasets`, which also orders the frozen sets that code has for `{…}`."""

    def save(self, obj: object, *arguments: object, **kwargs: object) -> None:
        """Pickle an object; a frozen set in the order of its members' hashes."""
        if type(obj) is frozenset and id(obj) not in self.memo:
            self.save_reduce(frozenset, (sorted(obj, key=stable_hash),), obj=obj)
        else:
            super().save(obj, *arguments, **kwargs)


def stable_hash(value: object) -> str:
    """Return the hash that `datasets` gives the output of `OrderedPickler`."""
    content = BytesIO()
    OrderedPickler(content, recurse=True).dump(value)
    return str(Hasher.hash_bytes(content.getvalue()))


def hash_of(value: object) -> str:
    """Return a hash of any value; a random one, with a warning, if it cannot be pickled."""
    try:
        return stable_hash(value)
    except Exception as error:  # of pickle, or of code that it calls
        log.warning(
            "rows are processed again instead of read from the cache: %r cannot be hashed (%s)",
            value,
            error,
        )
        return uuid4().hex
