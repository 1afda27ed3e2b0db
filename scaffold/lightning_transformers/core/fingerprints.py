"""Names of processed rows in the cache: the same for the same rows, code and arguments."""

import hashlib
import inspect
import json
import logging
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any
from uuid import uuid4

from datasets import Dataset
from datasets.fingerprint import Hasher
from transformers import BaseImageProcessor, PreTrainedTokenizerBase

from lightning_transformers.core.hyperparameters import hyperparameters_of
from lightning_transformers.core.source_code import is_typed, texts_of

log = logging.getLogger(__name__)

LOADING = {
    "batch_size",
    "cache_dir",
    "load_from_cache_file",
    "num_workers",
    "preprocessing_num_workers",
}
"""Hyperparameters of a data module that change no row."""

OF_LOADING = {
    "deprecation_warnings",
    "files_loaded",
    "init_inputs",
    "init_kwargs",
    "name_or_path",
    "verbose",
}
"""Attributes of a tokenizer that say where it came from, and what it has warned of."""


def fingerprint(
    rows: Dataset, function: Callable[..., Any], arguments: Mapping[str, Any], root: type
) -> str:
    """Return the name of what a function makes of rows, for `Dataset.map`.

    `datasets` takes a function of an importable module by its name, so that an edit goes
    unnoticed, and a method with all that its object refers to, which differs in each process.
    Here the text of the module counts, which defines the function, for a method those of its class
    and its bases as well, all that these import of the project and the runtime, and the values that
    the function was made with; of a data module hyperparameters, processor and plain attributes.

    Args:
        rows: the rows.
        function: what is applied to them.
        arguments: its keyword arguments.
        root: the class from which on downwards annotations declare hyperparameters.
    """
    digest = hashlib.blake2b(digest_size=16)
    for part in (rows._fingerprint, code_of(function, root), content_of(dict(arguments), root)):
        digest.update(json.dumps(part).encode())
    return digest.hexdigest()


def code_of(function: Any, root: type) -> list[Any]:
    """Return what tells the code of a function from another: names, texts, and its object."""
    if isinstance(function, partial):
        given = content_of([function.args, function.keywords], root)
        return [code_of(function.func, root), given]
    if not hasattr(function, "__qualname__"):  # an object that can be called
        return code_of(function.__call__, root)
    owner = getattr(function, "__self__", None)
    bases = (owner if isinstance(owner, type) else type(owner)).__mro__
    parts = [getattr(function, "__func__", function), *bases]
    modules = [str(part.__module__) for part in parts]
    # datasets itself sees what was typed at a prompt or in a notebook, with all that it uses.
    typed = [hash_of(p) for p, module in zip(parts, modules, strict=True) if is_typed(module)]
    values = [getattr(function, "__defaults__", None), closure_of(function), owner]
    return [modules, function.__qualname__, texts_of(*modules), typed, content_of(values, root)]


def closure_of(function: Callable[..., Any]) -> list[Any]:
    """Return the values that a function has from where it is defined; a method has its object."""
    if inspect.ismethod(function):
        return []
    return [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]


def content_of(value: Any, root: type) -> str:
    """Return a text that two values share if they are the same, in any process."""

    def content(part: Any) -> Any:
        if isinstance(part, root):
            return state_of(part, root)
        if isinstance(part, PreTrainedTokenizerBase):
            return tokenizer_content(part)
        return part.to_dict() if isinstance(part, BaseImageProcessor) else hash_of(part)

    return json.dumps(value, sort_keys=True, default=content)


def state_of(data: object, root: type) -> dict[str, Any]:
    """Return what makes a data module process rows as it does.

    These are its hyperparameters, its processor, and those attributes that are another processor
    or plain values. Lightning's are left out, and what is worked out when it is asked for.
    """
    state = hyperparameters_of(data, root)
    for name, value in vars(data).items():
        worked_out = isinstance(getattr(type(data), name, None), cached_property)
        if name == "processor" or (is_plain(value) and not worked_out):
            state[name] = value
    return {k: v for k, v in state.items() if k not in LOADING and not k.startswith("_hparams")}


def is_plain(value: Any) -> bool:
    """Tell whether a value is a processor, or made of numbers and texts alone."""
    if value is None or isinstance(value, PreTrainedTokenizerBase | BaseImageProcessor):
        return value is not None
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def hash_of(value: Any) -> str:
    """Return a hash of any value; of one that cannot be hashed, another each time."""
    try:
        return str(Hasher.hash(value))
    except Exception as error:  # of pickle, or of what it calls
        log.warning("rows are processed anew, not looked up: %r has no hash (%s)", value, error)
        return uuid4().hex


def tokenizer_content(tokenizer: PreTrainedTokenizerBase) -> str:
    """Return what a tokenizer does, by all of its settings; how it was called last is left out."""
    backend: Any = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return str(Hasher.hash(tokenizer))
    rules = json.loads(backend.to_str()) | {"truncation": None, "padding": None}
    tokens = {name: str(token) for name, token in tokenizer.special_tokens_map.items()}
    settings = {k: v for k, v in vars(tokenizer).items() if is_plain(v) and k not in OF_LOADING}
    content = json.dumps([type(tokenizer).__qualname__, tokens, settings, rules], sort_keys=True)
    return hashlib.blake2b(content.encode()).hexdigest()
