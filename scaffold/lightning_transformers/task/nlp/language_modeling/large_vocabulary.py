"""The training loss of a large vocabulary, without the logits of all tokens at once.

The logits of 4,096 tokens over 128,000 words take 2 GB in float32, and as much again for their
gradient. `torch.nn.functional.linear_cross_entropy` computes loss and gradients in chunks of rows.
"""

from typing import Any

import torch
from pytorch_lightning.strategies import DDPStrategy, SingleDeviceStrategy
from torch import Tensor, nn
from torch.nn import LinearCrossEntropyOptions
from torch.nn.functional import cross_entropy, linear_cross_entropy

from lightning_transformers.base.types import Batch
from lightning_transformers.data.collators import IGNORE_INDEX
from lightning_transformers.models.eval_mode import evaluation_mode

LARGE = 2**26
"""Number of logits of a batch above which they are computed in chunks: 256 MB in float32."""
CHUNK = 512
"""Rows of a chunk, of which fewer are slower."""
PROBE = 32
"""Tokens of the batch that decides whether a model has a plain head."""


def is_large(model: Any, batch: Batch) -> bool:
    """Return whether the logits of a batch are more than `LARGE`.

    Args:
        model: the model.
        batch: has `labels`, `(batch, seq)`.
    """
    return bool(batch["labels"].numel() * model.config.get_text_config().vocab_size > LARGE)


def has_plain_head(model: Any, batch: Batch) -> bool:
    """Return whether a model's loss is the cross-entropy of a linear layer on its backbone.

    This is tried on a few tokens, with other logits in place of those of the layer: some models
    scale or cap their logits, or add a term to the loss.

    Args:
        model: the model.
        batch: inputs and `labels`; only tensors `(batch, seq)` are supported.
    """
    head = model.get_output_embeddings()
    if (
        type(head) is not nn.Linear
        or model.base_model is model
        or model._compiled_call_impl is not None
        or model._forward_hooks
        or head._forward_hooks
        or head.weight.dtype != torch.float32
        or any(value.shape != batch["labels"].shape for value in batch.values())
    ):
        return False
    few = {name: value[:1, :PROBE] for name, value in batch.items()}
    labels = few["labels"] = few["input_ids"]
    inputs: list[Tensor] = []

    def replace(layer: nn.Module, arguments: tuple[Tensor], logits: Tensor) -> Tensor:
        inputs.append(arguments[0])
        return torch.linspace(-50, 50, logits.numel()).to(logits).view_as(logits)

    with evaluation_mode(model), torch.no_grad():
        hidden = backbone_outputs(model, few)
        with head.register_forward_hook(replace):
            outputs = model(**few)
        logits = replace(head, (hidden,), head(hidden))
        loss = cross_entropy(logits[0, :-1].float(), labels[0, 1:])
    return (
        torch.equal(*inputs)
        and torch.equal(outputs["logits"].float(), logits.float())
        and bool(torch.isclose(outputs["loss"], loss, 1e-6))
    )


def uses_plain_strategy(strategy: object) -> bool:
    """Return whether a strategy leaves each parameter whole on each device."""
    return type(strategy) in (SingleDeviceStrategy, DDPStrategy)


def backbone_outputs(model: Any, batch: Batch) -> Tensor:
    """Return the inputs of the head, `(batch, seq, features)`, for the inputs of a batch."""
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    hidden: Tensor = model.base_model(**inputs)[0]
    return hidden


def chunked_loss(model: Any, batch: Batch) -> Tensor:
    """Return the sum of the next-token losses, a scalar: that of all logits, except rounding.

    Args:
        model: a model for which `has_plain_head` holds.
        batch: inputs and `labels`, each `(batch, seq)`; labels are not shifted.
    """
    hidden = backbone_outputs(model, batch)[:, :-1]
    labels, head = batch["labels"][:, 1:], model.get_output_embeddings()
    predicted = labels != IGNORE_INDEX
    return linear_cross_entropy(
        hidden[predicted],
        head.weight,
        labels[predicted],
        linear_bias=head.bias,
        reduction="sum",
        options=LinearCrossEntropyOptions(batch_chunk_size=CHUNK),
    )
