"""Names of processed rows in the cache: the same for the same rows, code and arguments."""

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any

from datasets import Dataset
from datasets.fingerprint import Hasher
from transformers import PreTrainedTokenizerBase

from lightning_transformers.core.hyperparameters import hyperparameters_of
from lightning_transformers.core.source_code import texts_of

LOADING = {
    "batch_size",
    "cache_dir",
    "load_from_cache_file",
    "num_workers",
    "preprocessing_num_workers",
}
"""Hyperparameters of a data module that change no row."""


def fingerprint(
    rows: Dataset, function: Callable[..., Any], arguments: Mapping[str, Any], root: type
) -> str:
    """Return the name of what a function makes of rows, for `Dataset.map`.

    `datasets` takes a function of an importable module by its name, so that an edit goes
    unnoticed, and a method with all that its object refers to, which differs in each process.
    Here the text of the module counts, which defines the function, for a method those of its class
    and its bases as well, all that these import of the project and the runtime, and the
    hyperparameters.

    Args:
        rows: the rows.
        function: what is applied to them.
        arguments: its keyword arguments.
        root: the class from which on downwards annotations declare hyperparameters.
    """
    digest = hashlib.blake2b(digest_size=16)
    for part in (rows._fingerprint, code_of(function, root), content_of(dict(arguments))):
        digest.update(json.dumps(part).encode())
    return digest.hexdigest()


def code_of(function: Callable[..., Any], root: type) -> list[Any]:
    """Return what tells the code of a function from another: names, texts, and its object."""
    owner = getattr(function, "__self__", None)
    bases = [base.__module__ for base in type(owner).__mro__]
    code = [function.__module__, function.__qualname__, texts_of(function.__module__, *bases)]
    if function.__module__ not in code[-1]:  # typed at a prompt, or in a notebook
        code.append(text_of(function))
    code.append(content_of([getattr(function, "__defaults__", None), closure_of(function)]))
    values = hyperparameters_of(owner, root) if isinstance(owner, root) else {}
    code.append(content_of({k: v for k, v in values.items() if k not in LOADING}))
    return code


def closure_of(function: Callable[..., Any]) -> list[Any]:
    """Return the values that a function has from where it is defined; not a data module."""
    if inspect.ismethod(function):
        return []
    return [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]


def text_of(function: Callable[..., Any]) -> str:
    """Return the text of a function as far as Python knows it."""
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return ""


def content_of(value: Any) -> str:
    """Return a text that two values share if they are the same, in any process."""
    return json.dumps(value, sort_keys=True, default=_content)


def _content(value: Any) -> str:
    if isinstance(value, PreTrainedTokenizerBase):
        return tokenizer_content(value)
    return str(Hasher.hash(value))


def tokenizer_content(tokenizer: PreTrainedTokenizerBase) -> str:
    """Return what a tokenizer does; how it was called last, which it keeps, is left out."""
    backend: Any = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return str(Hasher.hash(tokenizer))
    rules = json.loads(backend.to_str()) | {"truncation": None, "padding": None}
    settings = [
        type(tokenizer).__qualname__,
        {name: str(token) for name, token in tokenizer.special_tokens_map.items()},
        tokenizer.model_max_length,
        tokenizer.truncation_side,
        tokenizer.chat_template,
    ]
    return hashlib.blake2b(json.dumps([settings, rules], sort_keys=True).encode()).hexdigest()
