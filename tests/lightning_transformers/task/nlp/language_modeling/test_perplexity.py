"""Perplexity over a sliding window is that of the guide of transformers."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from lightning_transformers.base.errors import ConfigurationError
from tests.helpers.corpus import TEXTS, write_csv
from tests.helpers.language_modeling import TOKENIZER, model, sample, trainer


def guide(network: PreTrainedModel, ids: Tensor, max_length: int, stride: int) -> float:
    """Return the perplexity of a text, as huggingface.co/docs/transformers/perplexity does."""
    total, count, previous = 0.0, 0, 0
    for begin in range(0, len(ids), stride):
        end = min(begin + max_length, len(ids))
        targets = ids[begin:end].clone()
        targets[: previous - end] = -100
        with torch.no_grad():
            loss = network(ids[None, begin:end], labels=targets[None]).loss
        valid = int((targets[1:] != -100).sum())
        total, count, previous = total + float(loss) * valid, count + valid, end
        if end == len(ids):
            break
    return math.exp(total / count)


@pytest.mark.parametrize("stride", [5, 16, None])
def test_perplexity_is_that_of_the_guide(stride: int | None, tmp_path: Path) -> None:
    file = str(write_csv(tmp_path / "rows.csv", TEXTS[:40]))
    files = {"dataset_name": None, "train_file": file, "validation_file": file}
    data = sample(**files, packing="blocks", block_size=16, stride=stride, append_eos=False)
    task = model()
    (logged,) = trainer(tmp_path, limit_val_batches=1.0).validate(task, data, verbose=False)
    texts = data.raw_dataset["validation"]["text"]
    ids = torch.tensor([i for text in texts for i in TOKENIZER(text)["input_ids"]])
    expected = guide(task.model.eval(), ids, max_length=16, stride=stride or 16)
    assert logged["val/perplexity"] == pytest.approx(expected, rel=1e-5)
    if stride:
        assert data.dataset is not None
        assert "labels" not in data.dataset["train"].column_names


@pytest.mark.parametrize("values", [{"packing": "documents"}, {"packing": "blocks", "stride": 65}])
def test_a_stride_slides_over_a_running_text(values: dict[str, object]) -> None:
    with pytest.raises(
        ConfigurationError, match=r"dataset.stride=\d+ needs dataset.packing=blocks"
    ):
        sample(**{"stride": 8, **values}).setup("fit")
