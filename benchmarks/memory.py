"""Peak memory of packing a corpus and of training on it, beside a loop in torch."""

import json
import resource
import sys
import tempfile
from functools import partial
from itertools import chain, cycle
from pathlib import Path

from benchmarks.trials import BARE, Values, in_turn, ratios, spread, trial, write

TIMES, STEPS, ROWS, LENGTH = 1, 50, 8, 128
SIZES = (20, 80)
"""Megabytes of text."""
ASSETS = Path(__file__).parents[1] / "scaffold/lightning_transformers/assets"
MODEL = ASSETS / "tiny/gpt2"
TEXT = f"""
Peak resident memory of the whole process, MB. *Documents* are texts of 20 kB, packed into rows of
{LENGTH} tokens; the peer concatenates and cuts texts by `Dataset.map`, as the examples of
transformers do. Training takes {STEPS} steps of {ROWS} rows of a tiny GPT-2 on the packed rows of
the larger corpus, which are in the cache.
"""


def peak() -> None:
    """Print the peak memory of this process."""
    print(json.dumps({"MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def pack_ours(file: str, cache: str) -> None:
    """Pack a corpus with the data module."""
    data_of(file, cache).prepare_data()
    peak()


def pack_peer(file: str, cache: str) -> None:
    """Pack a corpus as the examples of transformers do."""
    from datasets import load_dataset
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(MODEL)

    def cut(columns: dict[str, list[list[int]]]) -> dict[str, list[list[int]]]:
        ids = [*chain.from_iterable(columns["input_ids"])]
        rows = [ids[n : n + LENGTH] for n in range(0, len(ids) - LENGTH + 1, LENGTH)]
        return {"input_ids": rows, "labels": [*rows]}

    rows = load_dataset("json", data_files=file, cache_dir=cache)["train"]
    tokens = rows.map(lambda row: tokenizer(row["text"]), batched=True, remove_columns=["text"])
    tokens.map(cut, batched=True, remove_columns=tokens.column_names)
    peak()


def train_ours(file: str, cache: str) -> None:
    """Train on the packed rows in the cache."""
    from pytorch_lightning import Trainer

    from lightning_transformers import Backbone, train
    from lightning_transformers.task.nlp.language_modeling import LanguageModelingTransformer

    data = data_of(file, cache)
    model = LanguageModelingTransformer(
        Backbone(str(MODEL), random_weights=True), model_data_kwargs=data.model_data_kwargs
    )
    trainer = Trainer(
        max_steps=STEPS,
        limit_val_batches=0,
        accelerator="cpu",
        **BARE,
    )
    train(model, data, trainer)
    peak()


def train_raw(_: str, cache: str) -> None:
    """Train on the same rows with a loop in torch."""
    import torch
    from datasets import Dataset
    from torch.utils.data import DataLoader
    from transformers import AutoConfig, AutoModelForCausalLM

    found = [Dataset.from_file(str(file)) for file in Path(cache).rglob("*.arrow")]
    packed = max((rows for rows in found if "lengths" in rows.column_names), key=len)
    rows = packed.with_format("torch")
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(MODEL))
    optimizer = torch.optim.AdamW(model.parameters(), 5e-5)
    ids = partial(map, lambda row: row["input_ids"])
    pad = torch.nn.utils.rnn.pad_sequence
    loader = DataLoader(
        rows,  # type: ignore[arg-type]
        ROWS,
        shuffle=True,
        collate_fn=lambda batch: pad([*ids(batch)], batch_first=True),
    )
    for _step, batch in zip(range(STEPS), loader, strict=False):
        model(input_ids=batch, labels=batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    peak()


def data_of(file: str, cache: str):  # type: ignore[no-untyped-def]
    """Return the data module of a corpus."""
    from lightning_transformers import Backbone
    from lightning_transformers.task.nlp.language_modeling import LanguageModelingDataModule

    return LanguageModelingDataModule(
        Backbone(str(MODEL)).load_tokenizer(),
        train_file=file,
        packing="documents",
        block_size=LENGTH,
        train_val_split=0.01,
        batch_size=ROWS,
        cache_dir=cache,
    )


def corpus(folder: Path, megabytes: int) -> Path:
    """Write documents of 20 kB, and return the file."""
    text = (ASSETS / "language_modeling/train.txt").read_text("utf-8")
    parts = cycle(text[n : n + 20_000] for n in range(0, len(text), 20_000))
    file = folder / f"{megabytes}.jsonl"
    with file.open("w") as lines:
        while lines.tell() < megabytes * 1_000_000:
            lines.write(json.dumps({"text": next(parts)}) + "\n")
    return file


def main() -> None:
    """Measure each case in turn, and write the table."""
    rows = [["case", "ours, MB", "peer, MB", "ours ÷ peer"]]
    with tempfile.TemporaryDirectory(dir=".") as name:
        folder = Path(name).resolve()
        cases = {
            **{f"packing documents, {size} MB": ("pack", "peer", size) for size in SIZES},
            "training": ("train", "raw", SIZES[-1]),
        }
        for case, (step, peer, size) in cases.items():
            file, cache = corpus(folder, size), folder / f"cache-{size}"
            found: dict[str, list[Values]] = in_turn(
                {
                    way: partial(
                        trial,
                        "memory",
                        f"{step}_{way}",
                        file,
                        f"{cache}{'-peer' * (way == 'peer')}",
                    )
                    for way in ("ours", peer)
                },
                TIMES,
            )
            sides = [[each["MB"] for each in found[way]] for way in ("ours", peer)]
            beside = ratios(found["ours"], found[peer], "MB")
            rows.append([case, *(spread(side, 0) for side in sides), spread(beside)])
    write("memory", "Peak memory", TEXT, rows, "torch", "datasets", "pytorch-lightning")


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:]) if sys.argv[1:] else main()
