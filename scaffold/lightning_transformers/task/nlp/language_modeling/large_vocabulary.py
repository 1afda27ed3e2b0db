"""The training loss of a large vocabulary, without the logits of all tokens at once.

The logits of 4,096 tokens over 128,000 words take 2 GB in float32, and as much again for their
gradient. `torch.nn.functional.linear_cross_entropy` computes loss and gradients in chunks of rows,
in float32. In bfloat16 it would round the loss as well, so `ChunkedLoss` does it there: as a model
under autocast, it computes the product in bfloat16, and its loss in float32. It also does it with
a torch before 2.13, which has no chunks.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear

from lightning_transformers.base.types import Batch
from lightning_transformers.data.collators import IGNORE_INDEX
from lightning_transformers.models.eval_mode import evaluation_mode

try:
    from torch.nn import LinearCrossEntropyOptions
    from torch.nn.functional import linear_cross_entropy

    TORCH_HAS_CHUNKS = True
except ImportError:
    TORCH_HAS_CHUNKS = False

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
        or product_type(head.weight) not in (torch.float32, torch.bfloat16)
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


def product_type(weight: Tensor) -> torch.dtype:
    """Return the dtype in which a linear layer multiplies with its weight, of any shape."""
    device = weight.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype


def first_version(model: Any) -> int:
    """Return the version of the formulas from which on a model's loss is computed in chunks."""
    head = model.get_output_embeddings()
    is_wide = isinstance(head, nn.Linear) and product_type(head.weight) == torch.float32
    return 3 if is_wide else 4


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
    dtype = product_type(head.weight)
    if dtype == torch.bfloat16 or not TORCH_HAS_CHUNKS:
        arguments = hidden[predicted], head.weight, head.bias, labels[predicted], dtype
        return ChunkedLoss.apply(*arguments)  # type: ignore[no-untyped-call, no-any-return]
    return linear_cross_entropy(
        hidden[predicted],
        head.weight,
        labels[predicted],
        linear_bias=head.bias,
        reduction="sum",
        options=LinearCrossEntropyOptions(batch_chunk_size=CHUNK),
    )


class ChunkedLoss(torch.autograd.Function):
    """The sum of the cross-entropies of a linear layer, in chunks of rows.

    The gradients are computed with the loss, so that the logits of a chunk are needed once. They
    are those of the mean, as in a model whose loss is one: what is rounded is the same.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        labels: Tensor,
        dtype: torch.dtype,
    ) -> Tensor:
        """Return the sum, a scalar, float32.

        Args:
            ctx: keeps the gradients, except those of a frozen weight or bias.
            hidden: inputs of the layer, `(rows, features)`.
            weight: `(words, features)`.
            bias: `(words,)`, or None.
            labels: `(rows,)`, int64.
            dtype: that of the product.
        """
        total = hidden.new_zeros((), dtype=torch.float32)
        narrow, narrow_bias = weight.to(dtype), None if bias is None else bias.to(dtype)
        of_hidden = torch.empty_like(hidden)
        _, trains_weight, trains_bias, *_ = ctx.needs_input_grad
        of_weight = torch.zeros_like(weight, dtype=torch.float32) if trains_weight else None
        of_bias = None
        if bias is not None and trains_bias:
            of_bias = torch.zeros_like(bias, dtype=torch.float32)
        with torch.autocast(hidden.device.type, enabled=False):
            for start in range(0, len(hidden), CHUNK):
                rows, targets = (each[start : start + CHUNK] for each in (hidden, labels))
                rows = rows.to(dtype)
                logits = linear(rows, narrow, narrow_bias).float()
                total += cross_entropy(logits, targets, reduction="sum")
                of_logits = logits.softmax(-1)
                of_logits[torch.arange(len(targets), device=targets.device), targets] -= 1
                of_logits /= len(labels)
                if of_bias is not None:
                    of_bias += of_logits.sum(0)
                of_rows = of_logits.to(dtype)
                of_hidden[start : start + CHUNK] = of_rows @ narrow
                if of_weight is not None:
                    of_weight += of_rows.T @ rows
        ctx.save_for_backward(of_hidden, of_weight, of_bias)
        ctx.count = len(labels)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the inputs of `forward`, for that of the sum, a scalar."""
        scale = gradient * ctx.count
        # In place, as `linear_cross_entropy`: a second backward of a retained graph is refused.
        found = (None if each is None else each.mul_(scale) for each in ctx.saved_tensors)
        of_hidden, of_weight, of_bias = found
        return of_hidden, of_weight, of_bias, None, None
