"""Examples with a common document, and comparisons of its logits."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.errors import ConfigurationError

PREFIX, LENGTH = 8, 4
"""Tokens in the other documents, and in the document whose logits are compared."""
RTOL = 1e-5
"""Tolerance relative to the largest logit, for the same position in rows of the same shape: there
the computation is identical in any precision."""
UNPACK_HINT = "set dataset.packing=none (one document per row)"

Example = dict[str, Any]


def random_documents(tokenizer: PreTrainedTokenizerBase) -> tuple[Tensor, Tensor, Tensor]:
    """Return a document of `LENGTH` random tokens and two of `PREFIX`, each (tokens,), int64."""
    ids = torch.arange(len(tokenizer))
    plain = ids[~torch.isin(ids, torch.tensor(tokenizer.all_special_ids))]
    generator = torch.Generator().manual_seed(0)
    drawn = plain[torch.randint(len(plain), (2 * PREFIX + LENGTH,), generator=generator)]
    return drawn[:LENGTH], drawn[LENGTH:-PREFIX], drawn[-PREFIX:]


def packing_examples(document: Tensor, one: Tensor, another: Tensor) -> list[Example]:
    """Return three packed examples with a common document: after `one`, after `another`, first.

    Args:
        document: the common document, (tokens,), int64.
        one: another document, (tokens,), int64.
        another: a third document, (tokens,), int64.

    Returns:
        Each with `input_ids` and `labels` (tokens,) and `lengths` (2,).
    """
    rows = [(one, document), (another, document), (document, one)]
    return [
        {
            "input_ids": torch.cat(row),
            "labels": torch.cat(row),
            "lengths": torch.tensor([len(part) for part in row]),
        }
        for row in rows
    ]


def causality_examples(document: Tensor, one: Tensor, another: Tensor) -> list[Example]:
    """Return two examples: the document, followed by each of the others.

    Args:
        document: the common document, (tokens,), int64.
        one: another document, (tokens,), int64.
        another: a third document, (tokens,), int64.

    Returns:
        Each with `input_ids`, (tokens,), int64.
    """
    return [{"input_ids": torch.cat([document, other])} for other in (one, another)]


def add_missing_columns(examples: Sequence[Example], row: Example) -> list[Example]:
    """Return the examples with the other columns of a row, which a custom collator may need.

    Args:
        examples: the result of `packing_examples`.
        row: a row of the data; `resize_column` fits its columns to an example.
    """
    return [
        {key: resize_column(value, row, example) for key, value in row.items()} | example
        for example in examples
    ]


def resize_column(value: Any, row: Example, example: Example) -> Any:
    """Return a value of a row, resized to the tokens or documents of an example.

    Args:
        value: a value of the row; one without an element per token or document is unchanged.
        row: the row, with `input_ids` and `lengths`.
        example: the example, with the same keys.
    """
    if not isinstance(value, list) and getattr(value, "ndim", 0) == 0:
        return value
    for name in ("input_ids", "lengths"):
        if len(value) == len(row[name]):
            places = [place % len(value) for place in range(len(example[name]))]
            return [value[p] for p in places] if isinstance(value, list) else value[places]
    return value


def require_equal(logits: Tensor, where: str, fix: str) -> None:
    """Check that the common document has the same logits in each of the `packing_examples`.

    Args:
        logits: of the three examples, (3, seq, vocabulary).
        where: the model or task that computed them, for the error message.
        fix: the next step, for the error message.

    Raises:
        ConfigurationError: if the logits differ by more than rounding.
    """
    after, after_another, first = (
        logits[0, PREFIX:],
        logits[1, PREFIX:],
        logits[2, :-PREFIX],
    )
    # At another position rounding differs, in TF32 by up to 1e-3.
    elsewhere = max(1e-3, 4 * torch.finfo(logits.dtype).eps)
    for other, share in ((after_another, RTOL), (first, elsewhere)):
        error = (after - other).float().abs().max()
        if not error <= share * logits.float().abs().max():
            raise ConfigurationError(
                f"packed documents attend to each other in {where}: logits of a document change by "
                f"{float(error):.2g} with the preceding document: {fix}, or {UNPACK_HINT}"
            )


def require_causal(logits: Tensor, model: str, fix: str) -> None:
    """Check that the logits of a document do not depend on its continuation.

    Args:
        logits: of the two `causality_examples`, (2, seq, vocabulary).
        model: name of the model, for the error message.
        fix: the next step, for the error message.

    Raises:
        ConfigurationError: if the logits differ by more than rounding.
    """
    error = (logits[0, :LENGTH] - logits[1, :LENGTH]).float().abs().max()
    if not error <= RTOL * logits.float().abs().max():
        raise ConfigurationError(
            f"{model} is not causal: its logits change by {float(error):.2g} with later tokens: "
            f"{fix}"
        )
