"""Tokens a second, memory and MFU on a GPU, beside a raw loop and the Trainer of transformers.

python -m benchmarks.gpu          # on one GPU, at most ten minutes
python -m benchmarks.gpu --tiny   # tries it on a CPU with tiny shapes; writes no table

Needs torch and transformers, peft for the LoRA, and for *ours* the packages of the runtime: what
is missing is a line of the table.
"""

import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader
from transformers import AutoModelForCausalLM, LlamaConfig, TrainerCallback, TrainingArguments
from transformers import Trainer as HFTrainer

from benchmarks.trials import Values, write

TINY = "--tiny" in sys.argv
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
LENGTH, WARM_UP, STEPS, SECONDS = (64, 1, 2, 600) if TINY else (4096, 3, 8, 540)
LLAMA = {"num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": LENGTH}
SHAPES: dict[str, Any] = {
    "1B": {"hidden_size": 2048, "num_hidden_layers": 16, "intermediate_size": 8192},
    "8B, LoRA": {"hidden_size": 4096, "num_hidden_layers": 32, "intermediate_size": 14336},
}
if TINY:
    small = {"hidden_size": 128, "num_hidden_layers": 2, "intermediate_size": 128}
    SHAPES = {name: small for name in SHAPES}
VARIANTS = [("sdpa", False), ("sdpa", True), ("flash_attention_2", False), ("flex_attention", True)]
"""Attention, and whether the model is compiled."""
PEAKS = {"H100": 989e12, "H200": 989e12, "B200": 2250e12, "A100": 312e12}
"""FLOP/s of dense products in bfloat16, by a part of the GPU's name."""
LORA: dict[str, Any] = {"r": 16, "lora_alpha": 32, "target_modules": "all-linear"}
TEXT = """
Llama with random weights in bfloat16, one row of 4,096 tokens a step, on one GPU, by fused AdamW:
all weights of a 1B model, or a LoRA of rank 16 on all linear layers of one shaped as 8B. Each of
the three kinds trains on the same batches; ours computes the loss in chunks. MFU counts 6 FLOPs a
token and weight (4 for the LoRA, whose frozen weights have no gradient), and those of attention.
"""


def config_of(shape: str) -> LlamaConfig:
    """Return the config of a model."""
    words = 1000 if TINY else 128_256
    return LlamaConfig(
        vocab_size=words, tie_word_embeddings=shape == "1B", **SHAPES[shape], **LLAMA
    )


def model_of(shape: str, attention: str) -> Any:
    """Return a model with random weights on the device, for the LoRA with its adapter."""
    with torch.device(DEVICE):
        model = AutoModelForCausalLM.from_config(
            config_of(shape), dtype=torch.bfloat16, attn_implementation=attention
        )
    if "LoRA" in shape:
        from peft import LoraConfig, get_peft_model

        model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **LORA))
    return model.train()


def batches() -> DataLoader[Any]:
    """Return batches of one row of random tokens, each tensor `(1, seq)`, int64."""
    ids = torch.randint(0, 1000, (WARM_UP + STEPS + 1, LENGTH))
    rows: Any = [{"input_ids": row, "labels": row} for row in ids]
    return DataLoader(rows, 1)


class Clock:
    """Times the steps after the warm-up."""

    def __init__(self) -> None:
        self.number, self.seconds = 0, 0.0

    def tick(self) -> None:
        """Count the start of a step."""
        if self.number in (WARM_UP, WARM_UP + STEPS):
            if DEVICE == "cuda":
                torch.cuda.synchronize()
            self.seconds = time.perf_counter() - self.seconds
        self.number += 1


def raw(shape: str, attention: str, compiles: bool, clock: Clock) -> None:
    """Train in a loop of torch."""
    model = model_of(shape, attention)
    if compiles:
        model.compile()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, 1e-4, fused=True)
    for batch in batches():
        clock.tick()
        model(**{name: value.to(DEVICE) for name, value in batch.items()}).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def transformers(shape: str, attention: str, compiles: bool, clock: Clock) -> None:
    """Train by the Trainer of transformers."""

    class Ticks(TrainerCallback):
        def on_step_begin(self, *_: object, **__: object) -> None:
            clock.tick()

    arguments = TrainingArguments(
        output_dir=tempfile.mkdtemp(),
        per_device_train_batch_size=1,
        max_steps=WARM_UP + STEPS + 1,
        max_grad_norm=0,
        torch_compile=compiles,
        optim="adamw_torch_fused",
        use_cpu=DEVICE == "cpu",
        save_strategy="no",
        report_to=[],
    )
    rows: Any = batches().dataset
    model = model_of(shape, attention)
    HFTrainer(model, arguments, train_dataset=rows, callbacks=[Ticks()]).train()


def ours(shape: str, attention: str, compiles: bool, clock: Clock) -> None:
    """Train a task of this package."""
    from pytorch_lightning import Callback, Trainer

    from lightning_transformers.callbacks import CompileModel
    from lightning_transformers.task.nlp.language_modeling import LanguageModelingTransformer

    class Ticks(Callback):
        def on_train_batch_start(self, *_: object) -> None:
            clock.tick()

    folder = tempfile.mkdtemp()
    config_of(shape).save_pretrained(folder)
    values = {"random_weights": True, "dtype": "bfloat16", "attn_implementation": attention}
    with torch.device(DEVICE):
        task = LanguageModelingTransformer(
            {"pretrained_model_name_or_path": folder, **values},
            optimizer={"_target_": "torch.optim.AdamW", "lr": 1e-4, "fused": True},
            peft={"_target_": "peft.LoraConfig", **LORA} if "LoRA" in shape else None,
        )
    trainer = Trainer(
        accelerator=DEVICE,
        devices=1,
        precision="bf16-true",
        max_steps=WARM_UP + STEPS + 1,
        callbacks=[Ticks(), *([CompileModel()] if compiles else [])],
        logger=False,
        enable_checkpointing=False,
        default_root_dir=folder,
    )
    trainer.fit(task, batches())


def measured(train: Callable[..., None], shape: str, attention: str, compiles: bool) -> Values:
    """Return tokens a second, memory in GB and MFU in percent, 0 where they are unknown."""
    clock = Clock()
    if DEVICE == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    train(shape, attention, compiles, clock)
    tokens = STEPS * LENGTH / clock.seconds
    memory = torch.cuda.max_memory_allocated() / 1e9 if DEVICE == "cuda" else 0.0
    return {"tokens": tokens, "GB": memory, "MFU": 100 * tokens * flops(shape) / peak()}


def flops(shape: str) -> float:
    """Return the FLOPs of a token in the forward and backward pass."""
    config = config_of(shape)
    with torch.device("meta"):
        weights = sum(p.numel() for p in AutoModelForCausalLM.from_config(config).parameters())
    if not config.tie_word_embeddings:
        weights -= config.vocab_size * config.hidden_size  # the embedding multiplies nothing
    passes = 2 if "LoRA" in shape else 3
    # Causal attention: half of the products of queries with keys, and of these with values.
    attention = 2 * config.num_hidden_layers * config.hidden_size * LENGTH
    return float(2 * passes * weights + 3 * attention)


def peak() -> float:
    """Return the peak FLOP/s of the GPU, infinity if they are unknown."""
    name = torch.cuda.get_device_name() if DEVICE == "cuda" else ""
    return next((value for part, value in PEAKS.items() if part in name), float("inf"))


def rows() -> Iterator[list[str]]:
    """Yield the rows of the table, until the time is over."""
    kinds = {"raw loop": raw, "Trainer": transformers, "ours": ours}
    start = time.monotonic()
    for (attention, compiles), shape in itertools.product(VARIANTS, SHAPES):
        for kind, train in kinds.items():
            row = [shape, attention, "yes" if compiles else "no", kind]
            if time.monotonic() - start > SECONDS:
                yield [*row, "no time left", "", ""]
                continue
            try:
                found = measured(train, shape, attention, compiles)
            except Exception as error:  # such as a missing package: the others are measured
                yield [*row, f"{type(error).__name__}: {str(error).splitlines()[0][:80]}", "", ""]
                continue
            yield [*row, f"{found['tokens']:,.0f}", f"{found['GB']:.1f}", f"{found['MFU']:.0f}"]


def main() -> None:
    """Measure all, print each row, and write the table."""
    table = [["model", "attention", "compiled", "kind", "tokens/s", "GB", "MFU, %"]]
    for row in rows():
        table.append(row)
        print(*row, sep=" | ", flush=True)
    if not TINY:
        text = f"{TEXT.strip()}\n\nThe GPU is {torch.cuda.get_device_name()}."
        write("gpu", "Training on a GPU", text, table, "torch", "transformers")


if __name__ == "__main__":
    main()
