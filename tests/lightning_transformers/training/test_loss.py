"""Losses of classes, against torch and the formula of the paper."""

import pytest
import torch
from torch import Tensor
from torch.nn import CrossEntropyLoss

from lightning_transformers.training.loss import class_loss


def example() -> tuple[Tensor, Tensor, Tensor]:
    """Return logits (9, 4), labels (9,) and weights (4,); no label is the third class."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(9, 4, generator=generator, dtype=torch.float64)
    labels = torch.tensor([0, 0, 0, 0, 1, 1, 1, 3, 3])
    return logits, labels, torch.tensor([0.2, 3.0, 1.0, 0.0], dtype=torch.float64)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_mean_is_that_of_torch(smoothing: float) -> None:
    logits, labels, weights = example()
    expected = CrossEntropyLoss(weights, label_smoothing=smoothing)(logits, labels)
    torch.testing.assert_close(class_loss(logits, labels, weights, smoothing).mean, expected)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_the_focal_loss_is_that_of_the_paper(gamma: float) -> None:
    logits, labels, weights = example()
    p = logits.softmax(-1)[torch.arange(9), labels]
    alpha = weights[labels]
    loss = class_loss(logits, labels, weights, gamma=gamma)
    torch.testing.assert_close(loss.total, (-alpha * (1 - p) ** gamma * p.log()).sum())
    torch.testing.assert_close(loss.count, alpha.sum())
    torch.testing.assert_close(
        class_loss(logits, labels, gamma=gamma).mean, (-((1 - p) ** gamma) * p.log()).mean()
    )


def test_a_batch_without_weight_has_no_gradient() -> None:
    logits, _, weights = example()
    loss = class_loss(logits.requires_grad_(), torch.full((9,), 3), weights, gamma=0.5)
    loss.mean.backward()
    assert loss.mean == 0
    assert logits.grad is not None
    assert not logits.grad.any()
