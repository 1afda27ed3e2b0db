"""What losses are made of, as functions of the logits and labels of a batch.

`TaskTransformer.logits_and_labels` gives them for every task: logits (labels, classes) and labels
(labels), the masked ones left out. What the functions return is a mean over labels, a scalar, to
be added with `Loss.plus`; so several of them add up, in whatever order.
"""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, log_softmax

from lightning_transformers.base.types import Loss
from lightning_transformers.data.collators import IGNORE_INDEX


def unmasked(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the logits (labels, classes), in float32 at least, and the labels that are not masked.

    Args:
        logits: of any shape that ends with the classes.
        labels: of the same shape without the classes; -100 marks a masked one.
    """
    kept = labels != IGNORE_INDEX
    wide = torch.promote_types(logits.dtype, torch.float32)
    return logits[kept].to(wide), labels[kept]


def smoothing_term(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Return what label smoothing adds to the mean cross-entropy.

    The label keeps the probability 1 - smoothing, and all classes share the rest alike (Szegedy
    et al., "Rethinking the Inception Architecture for Computer Vision", 2016, section 7). A class
    whose logit is -inf, such as a choice that an example does not have, has no share.
    """
    log_probabilities = log_softmax(logits, -1)
    possible = logits != float("-inf")
    uniform = -log_probabilities.where(possible, 0).sum(-1) / possible.sum(-1)
    return smoothing * (uniform.mean() - cross_entropy(logits, labels))


def symmetric_divergence(logits: Tensor, others: Tensor) -> Tensor:
    """Return the mean over labels of the Kullback-Leibler divergence, of both directions halved.

    Args:
        logits: of one distribution for each label, (labels, classes).
        others: of the other.
    """
    impossible = logits == float("-inf")
    log_p = log_softmax(logits, -1).masked_fill(impossible, 0)
    log_q = log_softmax(others, -1).masked_fill(impossible, 0)
    return ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum(-1).mean() / 2


def r_drop(loss: Loss, again: Loss, logits: Tensor, others: Tensor, alpha: float) -> Loss:
    """Return the mean of two passes' losses, and how far their predictions are apart.

    The passes differ by their dropout, whose effect on the predictions is thereby held small
    (Liang et al., "R-Drop: Regularized Dropout for Neural Networks", 2021; weighted as in the
    authors' code).

    Args:
        loss: of the first pass.
        again: of the second pass on the same batch.
        logits: of the first pass, (labels, classes).
        others: of the second.
        alpha: weight of the symmetric divergence; the paper has 1 to 5.
    """
    between = (again.mean - loss.mean) / 2
    return loss.plus(between + alpha * symmetric_divergence(logits, others))
