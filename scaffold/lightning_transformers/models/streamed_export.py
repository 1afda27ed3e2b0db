"""Export of a sharded checkpoint, a file at a time: no process holds all weights."""

import json
from pathlib import Path

import torch
from huggingface_hub import split_torch_state_dict_into_shards
from safetensors.torch import save_file
from transformers import PreTrainedModel
from transformers.core_model_loading import revert_weight_conversion
from transformers.utils import SAFE_WEIGHTS_INDEX_NAME

from lightning_transformers.models.sharded_checkpoint import read_weights, weight_shapes

FILE_BYTES = 2_000_000_000
"""Bytes of a file of weights, which this process holds while it writes it."""
SOURCE = "sharded_checkpoint"
"""Attribute of a model without weights: the checkpoint that has them."""
PREFIX = "model."
"""Of the names of the model's weights in a checkpoint of its task."""


def write_weights(model: PreTrainedModel, folder: Path, size: int = FILE_BYTES) -> None:
    """Write the weights of a model, which are in a sharded checkpoint, as safetensors.

    Args:
        model: the model on the meta device, with the path of the checkpoint in `SOURCE`.
        folder: the folder of the repository; it is created.
        size: bytes of a file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = getattr(model, SOURCE)
    saved, persistent = weight_shapes(path), model.state_dict().keys()
    named = [*model.named_parameters(), *model.named_buffers()]  # tied ones once
    shapes = {name: saved[PREFIX + name] for name, _ in named if name in persistent}
    split = split_torch_state_dict_into_shards(
        {name: torch.empty_like(shape, device="meta") for name, shape in shapes.items()},
        max_shard_size=size,
    )
    places: dict[str, str] = {}
    for file, names in split.filename_to_tensors.items():
        read = read_weights(path, {PREFIX + name: shapes[name] for name in names})
        weights = revert_weight_conversion(
            model, {name.removeprefix(PREFIX): value for name, value in read.items()}
        )
        places |= dict.fromkeys(weights, file)
        save_file(weights, folder / file, metadata={"format": "pt"})
    if split.is_sharded:
        index = {"metadata": split.metadata, "weight_map": places}
        text = json.dumps(index, indent=2, sort_keys=True)
        (folder / SAFE_WEIGHTS_INDEX_NAME).write_text(f"{text}\n")
