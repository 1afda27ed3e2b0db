"""Examples that have a document in common, and what the logits of these tell."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from lightning_transformers.base.errors import ConfigurationError

BEFORE, LENGTH = 8, 4
"""Tokens of the document that stands before, and of the one whose logits are compared."""
SAME = 1e-5
"""Share of the largest logit by which others may differ: at the same place of rows of the same
shape the same is computed, whatever the precision."""
FIX = "set dataset.packing=none, which gives each document a row of its own"

Example = dict[str, Any]


def documents(vocabulary: int, special: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Return a document of `LENGTH` tokens, and two others of `BEFORE`.

    Args:
        vocabulary: number of tokens.
        special: ids that mean something to a model, and are left out.
    """
    ids = torch.arange(vocabulary)
    plain = ids[~torch.isin(ids, torch.tensor(special))]
    generator = torch.Generator().manual_seed(0)
    drawn = plain[torch.randint(len(plain), (2 * BEFORE + LENGTH,), generator=generator)]
    return drawn[:LENGTH], drawn[LENGTH:-BEFORE], drawn[-BEFORE:]


def probe(document: Tensor, one: Tensor, another: Tensor) -> list[Example]:
    """Return examples with one document in common: after another, after a third one, and first."""
    rows = [(one, document), (another, document), (document, one)]
    return [
        {
            "input_ids": torch.cat(row),
            "labels": torch.cat(row),
            "lengths": torch.tensor([len(part) for part in row]),
        }
        for row in rows
    ]


def continued(document: Tensor, one: Tensor, another: Tensor) -> list[Example]:
    """Return a document with each of the others as its continuation, as examples."""
    return [{"input_ids": torch.cat([document, other])} for other in (one, another)]


def with_other_columns(examples: Sequence[Example], row: Example) -> list[Example]:
    """Return the examples with what a row of the data has besides, for its own collator."""
    return [
        {key: like(value, row, example) for key, value in row.items()} | example
        for example in examples
    ]


def like(value: Any, row: Example, example: Example) -> Any:
    """Return a value of a row for an example: one a token, or one a document, it stays so."""
    if not isinstance(value, list) and getattr(value, "ndim", 0) == 0:
        return value
    for name in ("input_ids", "lengths"):
        if len(value) == len(row[name]):
            places = [place % len(value) for place in range(len(example[name]))]
            return [value[p] for p in places] if isinstance(value, list) else value[places]
    return value


def require_equal(logits: Tensor, where: str, fix: str) -> None:
    """Raise ConfigurationError unless the common document has the same logits in each example.

    Args:
        logits: of the examples of `probe`, (3, tokens, vocabulary).
        where: what gave them, for the message.
        fix: the next step, for the message.
    """
    after, after_another, first = logits[0, BEFORE:], logits[1, BEFORE:], logits[2, :-BEFORE]
    # Elsewhere it may be rounded otherwise, in TF32 by a thousandth.
    elsewhere = max(1e-3, 4 * torch.finfo(logits.dtype).eps)
    for other, share in ((after_another, SAME), (first, elsewhere)):
        error = (after - other).float().abs().max()
        if not error <= share * logits.float().abs().max():
            raise ConfigurationError(
                f"packed documents see each other in {where}: the logits of one change by "
                f"{float(error):.2g} with what stands before it: {fix}, or {FIX}"
            )


def require_causal(logits: Tensor, model: str, fix: str) -> None:
    """Raise ConfigurationError if the logits of a document depend on its continuation.

    Args:
        logits: of the examples of `continued`, (2, tokens, vocabulary).
        model: what gave them, for the message.
        fix: the next step, for the message.
    """
    error = (logits[0, :LENGTH] - logits[1, :LENGTH]).float().abs().max()
    if not error <= SAME * logits.float().abs().max():
        raise ConfigurationError(
            f"{model} sees the tokens that it is to predict: its logits change by "
            f"{float(error):.2g} with what stands behind: {fix}"
        )
