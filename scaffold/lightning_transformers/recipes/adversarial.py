"""Training against the worst of the embeddings nearby."""

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
    """Return a step's outputs, and its loss averaged with the one at perturbed embeddings.

    The embeddings of each example move by `epsilon` along the gradient of the loss, over all of
    its tokens (the fast gradient method; Miyato et al., "Adversarial Training Methods for
    Semi-Supervised Text Classification", 2017). There is one backward in all, so that gradients
    accumulate, are scaled and exchanged as ever; a step takes about twice the time. Only in
    training.

    Args:
        model: the model, whose input embeddings are moved.
        step: gives the loss and the outputs of a batch: `super().shared_step`.
        batch: the batch.
        stage: train, val or test.
        epsilon: length of an example's perturbation, in units of the embeddings.
    """
    if stage != "train":
        return step(batch, stage)
    embeddings: list[Tensor] = []

    def record(output: Tensor) -> Tensor:
        # Frozen embeddings have no gradient of their own.
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
    """Return a gradient scaled so that each of its rows, an example, has this norm."""
    rows = gradient.float().flatten(1)
    norms = torch.linalg.vector_norm(rows, dim=1, keepdim=True).clamp_min(1e-12)
    scaled: Tensor = length * rows / norms
    return scaled.view_as(gradient).to(gradient.dtype)


@contextmanager
def embeddings_through(
    model: PreTrainedModel, function: Callable[[Tensor], Tensor]
) -> Iterator[None]:
    """Let what the input embeddings return pass through a function, in every forward meanwhile."""

    def hook(module: nn.Module, arguments: object, output: Tensor) -> Tensor:
        return function(output)

    handles = [module.register_forward_hook(hook) for module in input_embeddings(model)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def input_embeddings(model: PreTrainedModel) -> list[nn.Module]:
    """Return the modules that embed the input: T5 has one each for encoder and decoder."""
    embedding = model.get_input_embeddings()
    weight = getattr(embedding, "weight", None)
    return [
        module
        for module in model.modules()
        if module is embedding or (isinstance(module, nn.Embedding) and module.weight is weight)
    ]
