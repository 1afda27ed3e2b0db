"""Weights of checkpoints that lightning-transformers wrote: tensors are read, nothing else runs."""

import pickle
from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.training.checkpoint import is_of_predecessor, read_checkpoint
from lightning_transformers.training.checkpoint_identity import CLASS

WEIGHTS = "model."
"""Prefix of the weights in a state dict of lightning-transformers."""
NAME = "pretrained_model_name_or_path"
REBUILT = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
}
"""The only globals that are looked up: those of which a state dict of tensors consists."""


class Inert:
    """Stands for any other object of a pickle: it takes arguments and items, and does nothing."""

    def __new__(cls, *args: object, **kwargs: object) -> "Inert":
        """Return an instance, whatever the arguments."""
        return super().__new__(cls)

    def __init__(self, *args: object, **kwargs: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...

    def __setitem__(self, key: object, value: object) -> None: ...

    def append(self, value: object) -> None:
        """Ignore an item."""

    def extend(self, values: object) -> None:
        """Ignore items."""

    add = append


class TensorUnpickler(pickle.Unpickler):
    """Rebuilds tensors and containers of plain values; any other global is `Inert`."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        """Return one of `REBUILT`, or `Inert`; nothing is imported."""
        return REBUILT.get((module_name, global_name), Inert)


class TensorPickle:
    """The part of a pickle module that `torch.load` uses."""

    __name__ = __name__
    Unpickler = TensorUnpickler

    @staticmethod
    def load(*args: object, **kwargs: object) -> object:
        """Raise UnpicklingError: the format before torch 1.6 has no archive."""
        raise pickle.UnpicklingError("a checkpoint of torch 1.5 or older")


def is_former(path: str) -> bool:
    """Return whether a file is a checkpoint of lightning-transformers.

    Raises:
        ConfigurationError: if it is not a checkpoint, or one of this package with pickled objects,
            which this package does not write.
    """
    try:
        return is_of_predecessor(read_checkpoint(path))
    except ConfigurationError as error:
        if isinstance(error.__cause__, pickle.UnpicklingError) and CLASS not in read_inert(path):
            return True
        raise


def recorded_name(path: str) -> str | None:
    """Return the backbone's name in such a checkpoint, if it can be read without unpickling."""
    try:
        name = read_checkpoint(path).get("hyper_parameters", {}).get(NAME)
    except ConfigurationError:
        return None
    return name if isinstance(name, str) else None


def read_weights(path: str) -> dict[str, Tensor]:
    """Return the weights of the model in a checkpoint of lightning-transformers, on the CPU.

    Tokenizers and configs that are pickled in it are not unpickled.

    Args:
        path: the file.

    Returns:
        Tensors (any shape), by their names in the model of transformers.

    Raises:
        ConfigurationError: if the file has no such weights.
    """
    state = read_inert(path).get("state_dict")
    weights = {
        name.removeprefix(WEIGHTS): value
        for name, value in (state.items() if isinstance(state, dict) else ())
        if isinstance(name, str) and name.startswith(WEIGHTS) and isinstance(value, Tensor)
    }
    if not weights:
        raise ConfigurationError(f"{path} has no weights '{WEIGHTS}…': give another checkpoint")
    return weights


def read_inert(path: str) -> dict[object, Any]:
    """Return the content of a checkpoint: tensors, plain values, and `Inert` for all other objects.

    Raises:
        ConfigurationError: if it cannot be read, or is not a mapping.
    """
    try:
        return dict(
            torch.load(
                path,
                map_location="cpu",
                pickle_module=TensorPickle,
                weights_only=False,  # the unpickler above allows less
            )
        )
    except Exception as error:  # of a file that was made up
        raise ConfigurationError(
            f"{path} cannot be read: give a checkpoint of Lightning"
        ) from error
