"""Memory over texts of any size, and the speed of ready shards beside the same rows in memory.

python -m benchmarks.streams
"""

import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from threading import Event, Thread
from typing import Any

from benchmarks.trials import BARE, Values, in_turn, ratios, spread, trial, write

MEGABYTES = (500, 1_000, 2_000)
FILE_MB, MOST_FILES = 125, 16
WORKERS = 2
LENGTH, BATCH, STEPS, SKIPPED, TIMES = 256, 8, 110, 10, 3
SHARDS, SHARD_ROWS = 320, 61_440
"""Shards of 63 MB: 20 GB."""
WAYS = {
    "shards": ("shards", 0),
    "shards, one worker": ("shards", 1),
    "in memory": ("memory", 0),
}
"""The rows that a trial reads, and its dataloader workers."""
ASSETS = Path(__file__).parents[1] / "scaffold/lightning_transformers/assets"
MODEL = ASSETS / "tiny/gpt2"
TEXT = f"""
Resident memory in MB, sampled ten times a second, with the pages of mapped files; *all processes*
counts pages that several processes share in each of them. Texts are lines of 8 to 15 kB, in files
of {FILE_MB} MB or in {MOST_FILES} files, of words of 170 letters, which a tokenizer looks up whole:
so two gigabytes take minutes. *Prepare* tokenizes and packs them into shards with {WORKERS}
workers; *stream* reads them by the dataloader of `dataset.streaming=true`, in one process, without
a model. It reads up to ten files at once, so its memory grows up to ten files, and not further. The
speed is in MB of text a second.

*Shards* are random tokens in rows of {LENGTH:,}, as `prepare` writes them; a GPT-2 of one layer
trains on {BATCH} of them a step, and the speed is in steps a second, after the first {SKIPPED} of
{STEPS}. *In memory* has the rows that these steps read, copied into memory. The ways alternate; the
system has none of the shards in its cache at the start of each trial. *Reading* is the time from
the end of a step to the start of the next one, in milliseconds.
"""


class Memory:
    """Samples the memory of this process and its children while a block runs, in MB.

    Attributes:
        largest: that of the process with most.
        total: that of all together.
        anonymous: that of this process without pages of files.
    """

    def __init__(self) -> None:
        self.largest = self.total = self.anonymous = 0.0
        self.stopped, self.thread = Event(), Thread(target=self.sample, daemon=True)

    def __enter__(self) -> "Memory":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.thread.join()

    def sample(self) -> None:
        """Sample until the block ends."""
        while not self.stopped.wait(0.1):
            found = [values for pid in family(os.getpid()) if (values := resident(pid))]
            self.largest = max(self.largest, *(every for every, _ in found))
            self.total = max(self.total, sum(every for every, _ in found))
            self.anonymous = max(self.anonymous, found[0][1])

    def values(self) -> Values:
        """Return the largest values."""
        return {"MB": self.largest, "all": self.total, "anonymous": self.anonymous}


def family(process: int) -> list[int]:
    """Return a process and its descendants."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:  # it has ended
        return []
    return [process, *(each for child in children for each in family(int(child)))]


def resident(process: int) -> tuple[float, float] | None:
    """Return the memory of a process, and the part of it without pages of files, in MB."""
    try:
        _, every, shared, *_ = map(int, Path(f"/proc/{process}/statm").read_text().split())
    except OSError:
        return None
    page = os.sysconf("SC_PAGE_SIZE") / 1e6
    return every * page, (every - shared) * page


def prepare(files: str, folder: str) -> Values:
    """Prepare a corpus."""
    from lightning_transformers.runs.preparing.prepare import prepare as write_shards

    with Memory() as memory:
        start = time.perf_counter()
        write_shards(data_of(files, preprocessing_num_workers=WORKERS), Path(folder))
        seconds = time.perf_counter() - start
    shutil.rmtree(folder)
    return {**memory.values(), "speed": size_of(files) / seconds}


def stream(files: str) -> Values:
    """Read all batches of a stream."""
    data = data_of(files, streaming=True)
    data.setup("fit")
    with Memory() as memory:
        start = time.perf_counter()
        batches = sum(1 for _ in data.train_dataloader())
        seconds = time.perf_counter() - start
    assert batches > size_of(files) / 2
    return {**memory.values(), "speed": size_of(files) / seconds}


def size_of(files: str) -> float:
    """Return the megabytes of the files of a folder."""
    return sum(file.stat().st_size for file in Path(files, "train").iterdir()) / 1e6


def tokenizer_of(words: list[str]):  # type: ignore[no-untyped-def]
    """Return a tokenizer with a token for each word, the fastest that there is."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: n for n, word in enumerate(dict.fromkeys(("<unk>", "<eos>", *words)))}
    plain = Tokenizer(models.WordLevel(vocabulary, "<unk>"))
    plain.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=plain, unk_token="<unk>", eos_token="<eos>")


def words_of_corpus() -> list[str]:
    """Return the words of the texts: each is 32 of the sample's."""
    words = (ASSETS / "language_modeling/train.txt").read_text("utf-8").split()
    return ["_".join(words[n : n + 32]) for n in range(0, len(words), 32)]


def data_of(files: str | None, **values: Any):  # type: ignore[no-untyped-def]
    """Return the data module of a corpus, or of prepared examples."""
    from lightning_transformers.task.nlp.language_modeling import LanguageModelingDataModule

    names = {}
    if files:
        names = {"train_file": f"{files}/train", "validation_file": f"{files}/validation.txt"}
    tokenizer = tokenizer_of(words_of_corpus())
    common = {"block_size": LENGTH, "batch_size": BATCH, "packing": "blocks"}
    return LanguageModelingDataModule(tokenizer, **names | common | values)


def train_on(way: str, folder: str, workers: str) -> Values:
    """Train on shards, or on the rows in memory that the same steps read."""
    import torch
    from datasets import Dataset
    from datasets.table import InMemoryTable
    from pytorch_lightning import Callback, Trainer

    from lightning_transformers import Backbone, train
    from lightning_transformers.task.nlp.language_modeling import LanguageModelingTransformer

    class Clock(Callback):
        """Notes when each step starts and ends: between two steps, a batch is read."""

        def __init__(self) -> None:
            self.starts: list[float] = []
            self.ends: list[float] = []

        def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
            self.starts.append(time.perf_counter())

        def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
            self.ends.append(time.perf_counter())

    torch.set_num_threads(1)
    data = data_of(None, prepared_dir=folder, num_workers=int(workers))
    data.setup("fit")
    rows = data.dataset["train"]
    places = [int(n) for n in islice(data.train_dataloader().sampler, STEPS * BATCH)]
    if way == "memory":
        table = rows.with_format("arrow")[places].combine_chunks()
        data.dataset["train"] = Dataset(InMemoryTable(table)).with_format("torch")
    for file in Path(folder).rglob("*.arrow"):
        with file.open("rb") as opened:
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    backbone = Backbone(
        str(MODEL), random_weights=True, config={"n_positions": LENGTH, "n_layer": 1}
    )
    model = LanguageModelingTransformer(backbone, model_data_kwargs=data.model_data_kwargs)
    clock = Clock()
    trainer = Trainer(
        max_steps=STEPS,
        limit_val_batches=0,
        accelerator="cpu",
        callbacks=[clock],
        **BARE,
    )
    with Memory() as memory:
        train(model, data, trainer)
    assert len(clock.ends) == STEPS
    counted = STEPS - SKIPPED
    seconds = clock.ends[-1] - clock.ends[SKIPPED - 1]
    reading = sum(clock.starts[-counted:]) - sum(clock.ends[-counted - 1 : -1])
    return {**memory.values(), "speed": counted / seconds, "reading": reading / counted * 1e3}


def write_shards(folder: Path) -> float:
    """Write shards of random tokens and their record, and return the gigabytes."""
    import numpy as np
    import pyarrow as pa

    from lightning_transformers.data.prepared.record import write_record
    from lightning_transformers.data.prepared.shards import write_shard

    generator = np.random.default_rng(0)
    starts = pa.array(np.arange(0, SHARD_ROWS * LENGTH + 1, LENGTH, np.int32))
    (folder / "train").mkdir(parents=True)
    shards = []
    for number in range(SHARDS):
        ids = generator.integers(3, 2_000, SHARD_ROWS * LENGTH, np.int32)
        name = f"train/{number:06}.arrow"
        rows = pa.ListArray.from_arrays(starts, pa.array(ids))
        write_shard(folder / name, pa.table({"input_ids": rows}))
        size = (folder / name).stat().st_size
        shards.append({"file": name, "rows": SHARD_ROWS, "bytes": size, "digest": name})
    settings = data_of(None).prepared_settings()
    splits = {"train": shards, "validation": shards[:1]}
    write_record(folder, {"settings": settings, "inferred": {}, "splits": splits})
    os.sync()
    return sum(shard["bytes"] for shard in shards) / 1e9


def corpus(folder: Path, megabytes: int, files: int) -> Path:
    """Write files of lines that differ, and return their folder."""
    words, draw = words_of_corpus(), random.Random(megabytes)
    (folder / "train").mkdir(parents=True)

    def line() -> str:
        start = draw.randrange(len(words) - 90)
        return " ".join(words[start : start + draw.randrange(50, 90)]) + "\n"

    for number in range(files):
        with (folder / f"train/{number:03}.txt").open("w") as file:
            while file.tell() < megabytes * 1_000_000 / files:
                file.write("".join(line() for _ in range(100)))
    (folder / "validation.txt").write_text("".join(line() for _ in range(100)))
    return folder


def measure_texts(folder: Path) -> list[list[str]]:
    """Return a row of the table for each way to read texts, their size and number of files."""
    found: dict[tuple[str, int, int], Values] = {}
    for size in MEGABYTES:
        for files in sorted({size // FILE_MB, MOST_FILES}):
            texts = corpus(folder / str(size), size, files)
            found["stream", files, size] = trial("streams", "stream", texts)
            if files == size // FILE_MB:
                values = trial("streams", "prepare", texts, folder / "prepared")
                found["prepare", files, size] = values
            print(size, files, found, file=sys.stderr, flush=True)
            shutil.rmtree(texts)
    return [text_row(*case, values) for case, values in sorted(found.items())]


def text_row(way: str, files: int, size: int, values: Values) -> list[str]:
    """Return a row of the table."""
    cells = [f"{values[name]:,.0f}" for name in ("MB", "all", "speed")]
    return [f"{way}, {files} files", f"{size / 1000:g}", *cells, "–", "–"]


def measure_shards(folder: Path) -> list[list[str]]:
    """Return the rows of the table of shards, and of the same rows in memory."""
    size = write_shards(folder)
    ways: dict[str, Callable[[], Values]] = {
        name: partial(trial, "streams", "train_on", way, folder, workers)
        for name, (way, workers) in WAYS.items()
    }
    found = in_turn(ways, TIMES)
    return [shards_row(name, size, found[name], found["in memory"]) for name in WAYS]


def shards_row(name: str, size: float, found: list[Values], memory: list[Values]) -> list[str]:
    """Return a row of the table."""
    columns = {key: [each[key] for each in found] for key in found[0]}
    cells = [spread(columns[key], 0) for key in ("MB", "all")]
    if name == "in memory":
        return [name, "–", *cells, spread(columns["speed"]), "1", spread(columns["reading"], 1)]
    beside = spread(ratios(found, memory, "speed"))
    speeds = [spread(columns["speed"]), beside, spread(columns["reading"], 1)]
    return [name, f"{size:.1f}", *cells, *speeds]


def main() -> None:
    """Measure all, and write the table."""
    with tempfile.TemporaryDirectory(dir=".") as name:
        folder = Path(name).resolve()
        shards = measure_shards(folder / "shards")
        shutil.rmtree(folder / "shards")
        rows = [*measure_texts(folder), *shards]
    head = [
        "case",
        "GB",
        "largest process, MB",
        "all processes, MB",
        "speed",
        "÷ in memory",
        "reading",
    ]
    title = "Texts and shards of any size"
    write("streams", title, TEXT, [head, *rows], "torch", "datasets", "pyarrow")


if __name__ == "__main__":
    if sys.argv[1:]:
        print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
    else:
        main()
