"""Adversarial training on perturbed input embeddings."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.utils.generic import ModelOutput

from lightning_transformers.base.types import Batch, Loss

Step = Callable[[Batch, str], tuple[Loss, ModelOutput]]


def adversarial_step(
    model: PreTrainedModel, step: Step, batch: Batch, stage: str, epsilon: float
) -> tuple[Loss, ModelOutput]:
    """Run a step and average its loss with the loss at perturbed embeddings, in training only.

    Fast gradient method: each example's embeddings move by `epsilon` along the gradient of the loss
    (Miyato et al., "Adversarial Training Methods for Semi-Supervised Text Classification", 2017).
    Lightning still runs a single backward; a step takes about twice the time.

    Args:
        model: the model whose input embeddings are perturbed.
        step: computes the loss and the outputs of a batch: `super().shared_step`.
        batch: inputs of the model, each (batch, seq).
        stage: `train`, `val` or `test`.
        epsilon: L2 norm of an example's perturbation, in units of the embeddings.

    Returns:
        The averaged loss, and the outputs at the unperturbed embeddings.
    """
    if stage != "train":
        return step(batch, stage)
    embeddings: list[Tensor] = []

    def record(output: Tensor) -> Tensor:
        # The output of frozen embeddings requires no gradient.
        embeddings.append(output if output.requires_grad else output.detach().requires_grad_())
        return embeddings[-1]

    with embeddings_through(model, record):
        loss, outputs = step(batch, stage)
    gradients = torch.autograd.grad(loss.mean, embeddings, retain_graph=True)
    shifts = iter([scale_to_norm(gradient, epsilon) for gradient in gradients])
    with embeddings_through(model, lambda output: output + next(shifts)):
        worst, _ = step(batch, stage)
    return loss.plus((worst.mean - loss.mean) / 2), outputs


def scale_to_norm(gradient: Tensor, length: float) -> Tensor:
    """Scale the gradient of each example to an L2 norm.

    Args:
        gradient: gradient of the embeddings, (batch, seq, hidden).
        length: the norm.
    """
    rows = gradient.float().flatten(1)
    norms = torch.linalg.vector_norm(rows, dim=1, keepdim=True).clamp_min(1e-12)
    scaled: Tensor = length * rows / norms
    return scaled.view_as(gradient).to(gradient.dtype)


@contextmanager
def embeddings_through(
    model: PreTrainedModel, function: Callable[[Tensor], Tensor]
) -> Iterator[None]:
    """Within the context, apply a function to the output of the input embeddings.

    Args:
        model: the model.
        function: maps the embeddings, (batch, seq, hidden), to those that the model then uses.
    """

    def hook(module: nn.Module, arguments: object, output: Tensor) -> Tensor:
        return function(output)

    handles = [module.register_forward_hook(hook) for module in input_embeddings(model)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def input_embeddings(model: PreTrainedModel) -> list[nn.Module]:
    """Return the input embedding modules; T5 has one each in encoder and decoder."""
    embedding = model.get_input_embeddings()
    weight = getattr(embedding, "weight", None)
    return [
        module
        for module in model.modules()
        if module is embedding or (isinstance(module, nn.Embedding) and module.weight is weight)
    ]
