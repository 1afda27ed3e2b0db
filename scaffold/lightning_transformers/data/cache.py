"""Names of processed rows in the cache: the same for the same rows, code and arguments."""

import hashlib
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

from lightning_transformers.base.hyperparameters import hyperparameters_of
from lightning_transformers.base.types import Settings
from lightning_transformers.data.source_code import (
    is_interactive,
    module_of,
    module_sources,
    package_versions,
)

log = logging.getLogger(__name__)

IGNORED_OPTIONS = {"batch_size", "cache_dir", "load_from_cache_file", "num_workers"}
"""Hyperparameters of a data module that change no row."""

MODEL_ORIGIN = {"_name_or_path", "transformers_version"}
"""Settings of a model that say where it came from."""

TOKENIZER_ORIGIN = {
    "deprecation_warnings",
    "files_loaded",
    "init_inputs",
    "init_kwargs",
    "name_or_path",
    "verbose",
}
"""Attributes of a tokenizer that say where it came from, and what it has warned of."""

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
"""Types of attributes that count, beside functions, and containers of all these."""


def fingerprint(
    rows: Dataset, function: Callable[..., object], arguments: Settings, root: type
) -> str:
    """Return the name of what a function makes of rows, for `Dataset.map`.

    `datasets` takes a function of an importable module by its name, so that an edit goes
    unnoticed, and a method with all that its object refers to, which differs in each process.
    Here its code counts, the values that it was made with, and the text of its module; for a method
    those of its class and its bases as well, and all that these import of the project and the
    runtime; of an installed package the release; of a data module hyperparameters, processor,
    plain attributes, and what is known of the model.

    Args:
        rows: the rows.
        function: what is applied to them.
        arguments: its keyword arguments.
        root: the class from which on downwards annotations declare hyperparameters.
    """
    description = Description(root)
    parts = [rows._fingerprint, description.code(function), description.value(dict(arguments))]
    modules = description.modules
    releases = package_versions(*modules, "transformers", "tokenizers")
    return digest_of([*parts, module_sources(*modules), releases])


class Description:
    """Describes values and code, in what JSON can hold: the same ones alike in any process.

    Args:
        root: the class of data modules from which on downwards annotations declare hyperparameters.
    """

    def __init__(self, root: type) -> None:
        self.root = root
        self.modules: set[str] = set()
        """Where all that was described comes from: the text of these belongs to it."""
        self._open: list[int] = []

    def value(self, value: object) -> object:
        """Return what two values have in common if they are the same."""
        if value is None or isinstance(value, str | int | float):
            return value
        if id(value) in self._open:  # it refers to itself
            return {"within": self._open.index(id(value))}
        self._open.append(id(value))
        try:
            return self._parts(value)
        finally:
            self._open.pop()

    def code(self, function: Any) -> object:
        """Return what tells a function from another: its names, code, values and object."""
        if isinstance(function, partial):
            return [self.code(function.func), self.value([function.args, function.keywords])]
        if not hasattr(function, "__qualname__"):  # an object that can be called
            return self.code(function.__call__)
        own = getattr(function, "__func__", function)
        # Lambdas share their name, and so may functions that are defined in two branches.
        code = hash_of(getattr(own, "__code__", None))
        defaults = [getattr(own, name, None) for name in ("__defaults__", "__kwdefaults__")]
        owner = getattr(function, "__self__", None)
        return [self._origin(own), code, self.value([defaults, closure_of(own), owner])]

    def _parts(self, value: object) -> object:
        match value:
            case dict():  # in its order: of substitutions, the first may decide what is left
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
        """Return the names of a function or class, and have the text of its module count."""
        module = module_of(part)
        self.modules.add(module)
        # datasets itself sees what was typed at a prompt or in a notebook, with all that it uses.
        return [module, part.__qualname__, hash_of(part) if is_interactive(module) else None]

    def _class(self, cls: type) -> list[object]:
        """Return the names of a class and its bases, of one that a function made its members."""
        made = [base for base in cls.__mro__ if "<locals>" in base.__qualname__]
        members = [self._settings(plain_attributes(vars(base))) for base in made]
        return [[self._origin(base) for base in cls.__mro__], members]

    def _data(self, data: Any) -> list[object]:
        """Return what makes a data module process rows as it does.

        These are its class, its hyperparameters, its processor, what is known of the model, and
        those attributes that are plain. What is worked out when it is asked for is left out.
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
        """Return what a tokenizer does by all of its settings, not by how it was called last."""
        cls = self._class(type(tokenizer))
        backend: Any = getattr(tokenizer, "backend_tokenizer", None)
        try:
            rules = json.loads(backend.to_str())
        except Exception:  # it is written in Python, or some of its rules are
            return [cls, hash_of(tokenizer)]
        rules |= {"truncation": None, "padding": None}
        rules["encode_special_tokens"] = backend.encode_special_tokens
        tokens = {name: str(token) for name, token in tokenizer.special_tokens_map.items()}
        attributes = plain_attributes(vars(tokenizer))
        settings = {k: v for k, v in attributes.items() if k not in TOKENIZER_ORIGIN}
        return [cls, self._settings(tokens), self._settings(settings), digest_of(rules)]


def closure_of(function: Callable[..., object]) -> list[object]:
    """Return the values that a function has from where it is defined, except for its class."""
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    cells = zip(names, getattr(function, "__closure__", None) or (), strict=False)
    return [cell.cell_contents for name, cell in cells if name != "__class__"]


def plain_attributes(values: Settings) -> dict[str, object]:
    """Return the attributes that have a value, which is plain."""
    return {k: v for k, v in values.items() if v is not None and is_plain(v)}


def is_plain(value: object) -> bool:
    """Tell whether a value is a text, number, path, function or processor, or made of such."""
    try:
        match value:
            case dict():
                return all(is_plain(part) for pair in value.items() for part in pair)
            case list() | tuple() | set() | frozenset():
                return all(map(is_plain, value))
    except RecursionError:  # it contains itself
        return False
    return isinstance(value, PLAIN_TYPES) or inspect.isroutine(value)


class OrderedPickler(Pickler):  # type: ignore[misc]
    """The pickler of `datasets`, which orders frozen sets as well; code has one for `{…}`."""

    def save(self, obj: object, *arguments: object, **kwargs: object) -> None:
        """Write an object, a frozen set in the order of its members' hashes."""
        if type(obj) is frozenset and id(obj) not in self.memo:
            self.save_reduce(frozenset, (sorted(obj, key=stable_hash),), obj=obj)
        else:
            super().save(obj, *arguments, **kwargs)


def stable_hash(value: object) -> str:
    """Return the hash of `datasets` of what `OrderedPickler` writes."""
    content = BytesIO()
    OrderedPickler(content, recurse=True).dump(value)
    return str(Hasher.hash_bytes(content.getvalue()))


def hash_of(value: object) -> str:
    """Return a hash of any value; of one that cannot be hashed, another each time."""
    try:
        return stable_hash(value)
    except Exception as error:  # of pickle, or of what it calls
        log.warning("rows are processed anew, not looked up: %r has no hash (%s)", value, error)
        return uuid4().hex


def digest_of(description: object) -> str:
    """Return a short name of what JSON can hold."""
    text = json.dumps(description, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
