"""CPU a training step, beside a raw loop, plain Lightning and the Trainer of transformers.

python -m benchmarks.training
"""

import json
import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer, seed_everything
from torch.utils.data import DataLoader
from transformers import (
    AutoTokenizer,
    TrainerCallback,
    TrainingArguments,
    get_linear_schedule_with_warmup,
)
from transformers import Trainer as HFTrainer

from benchmarks.trials import BARE, Values, in_turn, ratios, spread, trial, write
from lightning_transformers.base.package_data import local_path
from lightning_transformers.config.compose import compose
from lightning_transformers.runs.build import build_data, build_model
from lightning_transformers.runs.train import train_and_record

BATCH, WARM_UP, TIMES = 16, 5, 3
FIGURE = Path("figure.txt")
SIZES = {"tiny": (2, 128, 16, 200), "medium": (4, 256, 32, 30), "large": (6, 512, 32, 6)}
"""Layers, width, tokens of a row, and measured steps."""
KINDS = ("raw loop", "bare Lightning", "Lightning", "Trainer", "ours")
NOISE = {"1,024": (2, 128, 64, 100), "2,048": (2, 128, 128, 50), "4,096": (2, 128, 256, 25)}
"""As `SIZES`, by the tokens of a step."""
TABLES = {"sizes": SIZES, "noise": NOISE}
TEXT = """
Language modeling by a GPT-2 without dropout on 16 rows of text a step, in one process with one
thread. All train on the same rows by fused AdamW with a linear schedule and log every ten steps.
*Raw loop* is torch alone, *Lightning* a module of a few lines with Lightning's defaults, *bare* the
same without log, bar, checkpoints and loggers, which is the floor of all that runs in it. *Trainer*
is that of transformers without clipping, *ours* the command with its defaults: checkpoints, log,
progress bar in a terminal, check of the loss. The time is that of CPU from the start of a step to
that of a later one in the same epoch, the ratio that in pairs that ran one after the other. The
rows of *weight_noise* compare `callbacks=weight_noise` with ours without it, and the floor is that
plus the time of `normal_` for all weights.
"""
TERMINAL = {"TTY_COMPATIBLE": "1", "TERM": "xterm"}


class Clock:
    """Times the steps after the warm-up, and writes the figure to the working directory.

    Args:
        steps: number of steps to time.
    """

    def __init__(self, steps: int) -> None:
        self.steps, self.number = steps, 0

    def tick(self) -> None:
        """Count the start of a step."""
        if self.number == WARM_UP:
            self.start = time.process_time()
        if self.number == WARM_UP + self.steps:
            milliseconds = 1000 * (time.process_time() - self.start) / self.steps
            FIGURE.write_text(str(milliseconds))
        self.number += 1


class LightningClock(Callback):
    """A `Clock` in Lightning."""

    def __init__(self, steps: int) -> None:
        self.clock = Clock(steps)

    def on_train_batch_start(self, *_: object) -> None:
        """Count a step."""
        self.clock.tick()


class TransformersClock(TrainerCallback):
    """A `Clock` in the Trainer of transformers."""

    def __init__(self, steps: int) -> None:
        self.clock = Clock(steps)

    def on_step_begin(self, *_: object, **__: object) -> None:
        """Count a step."""
        self.clock.tick()


def optimizers(model: torch.nn.Module, steps: int) -> tuple[Any, Any]:
    """Return the optimizer and the schedule of all peers."""
    optimizer = torch.optim.AdamW(model.parameters(), 5e-5, fused=True)
    return optimizer, get_linear_schedule_with_warmup(optimizer, 0, steps)


def raw(model: Any, loader: DataLoader[Any], clock: Clock) -> None:
    """Train in a loop of torch."""
    optimizer, schedule = optimizers(model, clock.steps + WARM_UP + 1)
    for number, batch in enumerate(loader):
        clock.tick()
        if number == clock.steps + WARM_UP:
            break
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if number % 10 == 9:
            print(number, loss.item())


def draw(model: torch.nn.Module, clock: Clock) -> None:
    """Draw a normal number for each weight in each step."""
    noise = [torch.empty_like(weight) for weight in model.parameters()]
    for _ in range(clock.steps + WARM_UP + 1):
        clock.tick()
        for each in noise:
            each.normal_()


class Plain(LightningModule):
    """Language modeling in plain Lightning."""

    def __init__(self, model: Any, steps: int) -> None:
        super().__init__()
        self.model, self.steps = model, steps

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """Return the loss of a batch, each tensor `(batch, seq)`."""
        loss = self.model(**batch).loss
        if self.trainer.loggers:
            self.log("train/loss", loss, prog_bar=True)
        return loss

    def configure_optimizers(self) -> Any:
        """Return the optimizer and the schedule."""
        optimizer, schedule = optimizers(self.model, self.steps)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


def measure(kind: str, table: str, *more: str) -> None:
    """Print the CPU of a step by the name of the size.

    Args:
        kind: one of `KINDS`, or `floor`.
        table: name of the sizes.
        more: further overrides.
    """
    torch.set_num_threads(1)
    found = {name: train(kind, *numbers, *more) for name, numbers in TABLES[table].items()}
    print(f"\n{json.dumps(found)}")  # a bar leaves its line open


def train(kind: str, layers: int, width: int, length: int, steps: int, *more: str) -> float:
    """Return the CPU of a step of a kind in milliseconds, trained in a folder of its own."""
    folder = Path(tempfile.mkdtemp())
    os.chdir(folder)
    samples = "pkg://lightning_transformers/assets/language_modeling"
    text = Path(local_path(f"{samples}/train.txt")).read_text().replace("\n", " ")
    needed = (steps + WARM_UP + 2) * BATCH * length
    # A single block of less than `length`: the rows of a call are concatenated.
    (folder / "train.txt").write_text(f"{text}\n" * (1 + needed // 90_000))
    last = steps + WARM_UP + 1
    tiny = local_path("pkg://lightning_transformers/assets/tiny/gpt2")
    AutoTokenizer.from_pretrained(tiny, model_max_length=length).save_pretrained(folder / "words")
    sizes = {"n_layer": layers, "n_embd": width, "n_positions": length}
    rates = {f"{part}_pdrop": 0 for part in ("embd", "resid", "attn")}
    config = compose(
        [
            "task=nlp/language_modeling",
            "experiment=smoke",
            "trainer.max_epochs=-1",
            "dataset.dataset_name=null",
            f"dataset.train_file={folder}/train.txt",
            f"dataset.validation_file={samples}/validation.txt",
            "dataset.packing=blocks",
            f"dataset.block_size={length}",
            f"backbone.tokenizer_name_or_path={folder}/words",
            f"dataset.cache_dir={folder}/cache",
            f"training.run_dir={folder}/run",
            "dataset.limit_val_samples=16",
            "training.validate_before_fit=false",
            f"trainer.max_steps={last}",
            f"++callbacks.clock={{_target_: benchmarks.training.LightningClock, steps: {steps}}}",
            *(f"++backbone.config.{name}={value}" for name, value in (sizes | rates).items()),
            *more,
        ]
    )
    if kind == "ours":
        train_and_record(config)
    else:
        train_peer(kind, config, last)
    return float(FIGURE.read_text())


def train_peer(kind: str, config: Any, last: int) -> None:
    """Train the model of a config on its rows, without this package.

    Args:
        kind: one of `KINDS`.
        config: the config.
        last: number of steps.
    """
    steps = config.callbacks.clock.steps
    seed_everything(0, verbose=False)
    data = build_data(config)
    data.setup("fit")
    assert data.dataset is not None
    rows = data.dataset["train"].select(range(len(data.dataset["train"]) - 1))
    model = build_model(config, data).model
    loader = DataLoader(rows, BATCH, shuffle=True, collate_fn=collate)
    if kind == "floor":
        draw(model, Clock(steps))
    elif kind == "raw loop":
        raw(model, loader, Clock(steps))
    elif kind.endswith("Lightning"):
        bare: dict[str, Any] = BARE if kind.startswith("bare") else {}
        trainer = Trainer(
            accelerator="cpu",
            max_steps=last,
            log_every_n_steps=10,
            callbacks=[LightningClock(steps)],
            **bare,
        )
        trainer.fit(Plain(model, last), loader)
    else:
        arguments = TrainingArguments(
            output_dir="trainer",
            use_cpu=True,
            max_steps=last,
            per_device_train_batch_size=BATCH,
            logging_steps=10,
            max_grad_norm=0,
            learning_rate=5e-5,
            optim="adamw_torch_fused",
            report_to=[],
        )
        HFTrainer(model, arguments, collate, rows, callbacks=[TransformersClock(steps)]).train()


def collate(rows: list[Any]) -> Any:
    """Return a batch of rows of equal length, each tensor `(batch, seq)`."""
    ids = torch.stack([row["input_ids"] for row in rows]).long()
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids}


def main() -> None:
    """Measure all kinds in turn, and write the table."""
    os.environ.update(TERMINAL)
    table = [["", "kind", "CPU, ms a step", "÷ raw loop or stock"]]
    found = in_turn({kind: partial(trial, "training", kind, "sizes") for kind in KINDS}, TIMES)
    table += [row for size in SIZES for row in rows_of(size, found, KINDS[0])]
    noise = ("callbacks=[default,weight_noise]", "callbacks.weight_noise.std=0.01")
    kinds = {"stock": ("ours",), "weight_noise": ("ours", *noise), "floor": ("floor",)}
    trials = {
        name: partial(trial, "training", kind, "noise", *more)
        for name, (kind, *more) in kinds.items()
    }
    found = in_turn(trials, TIMES)
    for stock, floor in zip(found["stock"], found["floor"], strict=True):
        floor.update({tokens: floor[tokens] + stock[tokens] for tokens in NOISE})
    table += [row for tokens in NOISE for row in rows_of(tokens, found, "stock")]
    versions = ("torch", "transformers", "pytorch-lightning", "accelerate")
    write("training", "A training step", TEXT, table, *versions)


def rows_of(size: str, found: dict[str, list[Values]], base: str) -> list[list[str]]:
    """Return a row of the table for each kind.

    Args:
        size: what was trained.
        found: the figures of each kind.
        base: the kind to compare with.
    """
    name = f"{size} tokens" if size in NOISE else size
    rows = []
    for kind, values in found.items():
        beside = spread(ratios(values, found[base], size), 3)
        rows.append([name, kind, spread([value[size] for value in values], 1), beside])
    return rows


if __name__ == "__main__":
    measure(*sys.argv[1:]) if sys.argv[1:] else main()
