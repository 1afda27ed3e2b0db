"""CPU a training step and padding, by the order of the rows."""

import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from datasets import Dataset
from torch.utils.data import DataLoader
from transformers import BertConfig, BertForSequenceClassification
from transformers.trainer_pt_utils import get_length_grouped_indices

from benchmarks.trials import Values, in_turn, ratios, spread, write
from lightning_transformers.base.types import Batch
from lightning_transformers.data.collators import PaddingCollator
from lightning_transformers.data.dataloaders import EpochSampler, SeededCollate, SeededDataset
from lightning_transformers.data.sampling.lengths import lengths_of
from lightning_transformers.data.sampling.order import EpochOrder, Order
from lightning_transformers.models.backbone import Backbone

BATCH, TIMES = 16, 2
SIZES = {"short": (22, 128, 250), "long": (180, 512, 60)}
"""Median and maximum of the tokens of a row, and steps of an epoch."""
SORTED = "sorted"
TEXT = """
Text classification by BERT with a layer of 64, 16 rows a batch, in one process with one thread.
The tokens of a row are log-normal (sigma 0.85): short, median 22, at most 128; long, median 180, at
most 512. An epoch has 250 or 60 steps. *Ours* is `group_by_length`, *shuffled* is without it,
*transformers* is `get_length_grouped_indices`, and *sorted* sorts all rows and shuffles the
batches, which is the least padding. Windows are a quarter of an epoch, at most 50 batches: 15 of
the long rows here. The ratio is that of CPU, in pairs that ran one after the other.
"""


def rows_of(median: int, longest: int, steps: int) -> Dataset:
    """Return rows of random tokens with a class."""
    random = np.random.default_rng(0)
    lengths = np.exp(random.normal(np.log(median), 0.85, steps * BATCH)).clip(3, longest)
    tokens = [random.integers(5, 1000, int(length)) for length in lengths]
    columns = {"input_ids": tokens, "attention_mask": [np.ones_like(each) for each in tokens]}
    return Dataset.from_dict(columns | {"labels": random.integers(0, 2, len(tokens))})


def orders(rows: Dataset) -> dict[str, Order]:
    """Return the orders to compare, by name."""
    lengths = lengths_of(rows)
    assert lengths is not None
    size = len(rows)
    known = lengths(np.arange(size))
    batches = np.argsort(known, kind="stable").reshape(-1, BATCH)
    generator = torch.Generator().manual_seed(0)
    return {
        SORTED: np.random.default_rng(0).permutation(batches).ravel().tolist(),
        "ours": EpochOrder(size, BATCH, lengths, 0, 0),
        "transformers": get_length_grouped_indices(known.tolist(), BATCH, generator=generator),
        "shuffled": EpochOrder(size, BATCH, None, 0, 0),
    }


def batches_of(rows: Dataset, order: Order) -> Iterator[Batch]:
    """Yield the batches of an epoch, each tensor `(batch, seq)`; labels are `(batch,)`."""
    sampler = EpochSampler(rows, BATCH, 0, lambda epoch: order, lambda: 0, lambda: 0)
    tokenizer = Backbone("pkg://lightning_transformers/assets/tiny/bert").load_tokenizer()
    collate = SeededCollate(PaddingCollator(tokenizer))
    yield from DataLoader(SeededDataset(rows), BATCH, sampler=sampler, collate_fn=collate)


def epoch(rows: Dataset, order: Order) -> Callable[[], Values]:
    """Return a function that trains for an epoch and returns its figures."""

    def train() -> Values:
        torch.manual_seed(0)
        sizes = {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
        model = BertForSequenceClassification(
            BertConfig(vocab_size=1000, intermediate_size=256, **sizes)
        )
        optimizer = torch.optim.AdamW(model.parameters(), 1e-4)
        used = total = steps = 0
        start = time.process_time()
        for batch in batches_of(rows, order):
            model(**batch).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            used += int(batch["attention_mask"].sum())
            total += batch["attention_mask"].numel()
            steps += 1
        return {
            "CPU": (time.process_time() - start) / steps * 1000,
            "padding": 100 * (1 - used / total),
        }

    return train


def main() -> None:
    """Measure the orders in turn, and write the table."""
    torch.set_num_threads(1)
    table = [["rows", "order", "padding, %", "CPU, ms a step", "÷ sorted"]]
    for name, size in SIZES.items():
        rows = rows_of(*size).with_format("torch")
        trials = {each: epoch(rows, order) for each, order in orders(rows).items()}
        found = in_turn(trials, TIMES)
        for each, values in found.items():
            cpu = spread([value["CPU"] for value in values], 1)
            beside = spread(ratios(values, found[SORTED], "CPU"))
            table.append([name, each, f"{values[0]['padding']:.1f}", cpu, beside])
    write("padding", "Batches of rows of similar length", TEXT, table, "torch", "transformers")


if __name__ == "__main__":
    main()
