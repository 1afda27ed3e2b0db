"""Losses as functions of logits and labels.

`TaskTransformer.logits_and_labels` returns their inputs for every task: logits
`(labels, classes)` and labels `(labels,)`, without masked ones. Each but `class_loss` is a mean
over labels, a scalar to add with `Loss.plus`, so that several recipes combine in any order.
"""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, log_softmax

from lightning_transformers.base.types import Loss
from lightning_transformers.data.collators import IGNORE_INDEX


def unmasked(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Select the logits and labels of unmasked positions.

    Args:
        logits: `(…, classes)`.
        labels: `(…)`, int64; -100 marks a masked position.

    Returns:
        Logits `(labels, classes)`, in float32 or wider, and labels `(labels,)`.
    """
    unignored = labels != IGNORE_INDEX
    wide = torch.promote_types(logits.dtype, torch.float32)
    return logits[unignored].to(wide), labels[unignored]


def class_loss(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor | None = None,
    smoothing: float = 0.0,
    gamma: float = 0.0,
) -> Loss:
    """Return the cross-entropy, or the focal loss, with weighted classes.

    Its mean is that of `torch.nn.CrossEntropyLoss`: the sum of the weighted losses divided by the
    sum of the weights of the labels. The focal loss multiplies each loss by (1 - p) ** gamma, where
    p is the probability of the label (Lin et al., "Focal Loss for Dense Object Detection", 2017,
    section 3.2); its mean is divided by the same sum, so that gamma 0 gives the cross-entropy.

    Args:
        logits: `(labels, classes)`.
        labels: `(labels,)`, int64.
        weights: weight of each class, `(classes,)`; 1 by default.
        smoothing: probability mass to spread over all classes, 0 to 1.
        gamma: exponent of the focal loss; 0 gives the cross-entropy.
    """
    weights = logits.new_ones(logits.shape[-1]) if weights is None else weights
    losses = cross_entropy(logits, labels, weights, reduction="none", label_smoothing=smoothing)
    if gamma:
        plain = cross_entropy(logits, labels, reduction="none")
        # 1 - p, above 0: for gamma below 1 the derivative at 0 is infinite.
        losses = (-torch.expm1(-plain)).clamp_min(1e-8) ** gamma * losses
    return Loss(losses.sum(), weights[labels].sum())


def smoothing_term(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Return the difference between label-smoothed and plain mean cross-entropy.

    The target distribution is 1 - smoothing on the label plus smoothing spread uniformly over all
    classes (Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2016,
    section 7). Classes with a logit of -inf, such as missing choices, are excluded.

    Args:
        logits: `(labels, classes)`.
        labels: `(labels,)`, int64.
        smoothing: probability mass to spread, 0 to 1.

    Returns:
        A scalar.
    """
    log_probabilities = log_softmax(logits, -1)
    possible = logits != float("-inf")
    uniform = -log_probabilities.where(possible, 0).sum(-1) / possible.sum(-1)
    return smoothing * (uniform.mean() - cross_entropy(logits, labels))


def symmetric_divergence(logits: Tensor, others: Tensor) -> Tensor:
    """Return the mean over labels of (KL(p‖q) + KL(q‖p)) / 2, a scalar.

    Args:
        logits: logits of p, `(labels, classes)`.
        others: logits of q, `(labels, classes)`.
    """
    impossible = logits == float("-inf")
    log_p = log_softmax(logits, -1).masked_fill(impossible, 0)
    log_q = log_softmax(others, -1).masked_fill(impossible, 0)
    return ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum(-1).mean() / 2


def r_drop(loss: Loss, again: Loss, logits: Tensor, others: Tensor, alpha: float) -> Loss:
    """Return the mean loss of two passes plus alpha times the divergence of their predictions.

    The passes differ in their dropout (Liang et al., "R-Drop: Regularized Dropout for Neural
    Networks", 2021; weighted as in the authors' code). For a model without dropout the divergence
    is 0, and the second pass has no effect.

    Args:
        loss: loss of the first pass.
        again: loss of the second pass on the same batch.
        logits: logits of the first pass, `(labels, classes)`.
        others: logits of the second pass, `(labels, classes)`.
        alpha: weight of the symmetric divergence; 0.1 to 1, or 5 for translation, in the paper.
    """
    between = (again.mean - loss.mean) / 2
    return loss.plus(between + alpha * symmetric_divergence(logits, others))
