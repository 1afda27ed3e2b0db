"""The same fine-tuning in plain Lightning, in HF Trainer and in torch alone, up to its first step.

Text classification of the sample with a tiny BERT. Each prints the CPU seconds since the start of
its process, and ends it.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

ASSETS = Path(__file__).parents[1] / "scaffold/lightning_transformers/assets"
MODEL = ASSETS / "tiny/bert"
FILES = {
    split: str(ASSETS / f"text_classification/{split}.csv") for split in ("train", "validation")
}
MAX_LENGTH = 128
SENTENCE = "In the beginning God created the heaven and the earth."


def stop() -> NoReturn:
    """Print the CPU seconds of this process, and end it."""
    print(json.dumps({"CPU": time.process_time()}), flush=True)
    os._exit(0)


def stop_callback() -> Any:
    """Return a callback of Lightning that ends the process after the first optimizer step."""
    from pytorch_lightning import Callback

    class Stop(Callback):
        def on_train_batch_end(self, *arguments: object) -> None:
            stop()

    return Stop()


def load() -> tuple[Any, Any, list[str]]:
    """Return the tokenized splits, the tokenizer and the classes."""
    from datasets import load_dataset
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    rows = load_dataset("csv", data_files=FILES)
    classes = sorted(set(rows["train"]["label"]))

    def encode(batch: dict[str, list[str]]) -> dict[str, Any]:
        tokens = tokenizer(batch["text"], truncation=True, max_length=MAX_LENGTH)
        return {**tokens, "labels": [classes.index(label) for label in batch["label"]]}

    columns = rows["train"].column_names
    return rows.map(encode, batched=True, remove_columns=columns), tokenizer, classes


def build(classes: list[str]) -> Any:
    """Return the model with random weights."""
    from transformers import AutoConfig, AutoModelForSequenceClassification

    config = AutoConfig.from_pretrained(MODEL, num_labels=len(classes))
    return AutoModelForSequenceClassification.from_config(config).train()


def lightning_module(classes: list[str]) -> Any:
    """Return the LightningModule of the task."""
    import torch
    from pytorch_lightning import LightningModule
    from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score
    from transformers import get_linear_schedule_with_warmup

    class Classifier(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = build(classes)
            self.accuracy = MulticlassAccuracy(len(classes))
            self.f1 = MulticlassF1Score(len(classes))

        def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
            loss: torch.Tensor = self.model(**batch).loss
            self.log("train/loss", loss, prog_bar=True)
            return loss

        def validation_step(self, batch: Any, batch_idx: int) -> None:
            outputs = self.model(**batch)
            for metric in (self.accuracy, self.f1):
                metric(outputs.logits, batch["labels"])
            self.log_dict(
                {"val/loss": outputs.loss, "val/accuracy": self.accuracy, "val/f1": self.f1}
            )

        def predict_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
            logits: torch.Tensor = self.model(**batch).logits
            return logits.softmax(-1)

        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.AdamW(self.parameters(), 5e-5, weight_decay=0.01)
            steps = int(self.trainer.estimated_stepping_batches)
            schedule = get_linear_schedule_with_warmup(optimizer, steps // 10, steps)
            return [optimizer], [{"scheduler": schedule, "interval": "step"}]

    return Classifier()


def lightning() -> None:
    """Train in plain Lightning."""
    from pytorch_lightning import Trainer, seed_everything
    from pytorch_lightning.callbacks import ModelCheckpoint
    from pytorch_lightning.loggers import CSVLogger
    from torch.utils.data import DataLoader
    from transformers import DataCollatorWithPadding

    seed_everything(0)
    rows, tokenizer, classes = load()
    collate = DataCollatorWithPadding(tokenizer)
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=CSVLogger("."),
        callbacks=[ModelCheckpoint("checkpoints", monitor="val/loss"), stop_callback()],
    )
    trainer.fit(
        lightning_module(classes),
        DataLoader(rows["train"], 16, shuffle=True, collate_fn=collate),
        DataLoader(rows["validation"], 16, collate_fn=collate),
    )


def lightning_predict(checkpoint: str) -> None:
    """Predict on one sentence in plain Lightning.

    Args:
        checkpoint: path of the checkpoint, which is written if it does not exist.
    """
    import torch
    from pytorch_lightning import Trainer
    from torch.utils.data import DataLoader
    from transformers import AutoTokenizer, DataCollatorWithPadding

    classes = ["gospel", "history", "letter", "wisdom"]
    model, tokenizer = lightning_module(classes), AutoTokenizer.from_pretrained(MODEL)
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    if not Path(checkpoint).exists():
        trainer.strategy.connect(model)
        trainer.save_checkpoint(checkpoint)
        return
    model.load_state_dict(torch.load(checkpoint, weights_only=True)["state_dict"])
    rows = [tokenizer(SENTENCE)]
    batches: Any = trainer.predict(
        model, DataLoader(rows, collate_fn=DataCollatorWithPadding(tokenizer))
    )
    scores = batches[0][0]
    print(json.dumps({"label": classes[scores.argmax()], "score": float(scores.max())}))


def hf_trainer() -> None:
    """Train with transformers' Trainer."""
    from transformers import (
        DataCollatorWithPadding,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    class Stop(TrainerCallback):
        def on_step_end(self, *arguments: object, **keywords: object) -> None:
            stop()

    rows, tokenizer, classes = load()
    arguments = TrainingArguments(
        "run",
        per_device_train_batch_size=16,
        learning_rate=5e-5,
        weight_decay=0.01,
        lr_scheduler_type="linear",
        warmup_steps=7,
        num_train_epochs=1,
        eval_strategy="epoch",
        use_cpu=True,
        report_to="none",
    )
    Trainer(
        build(classes),
        arguments,
        train_dataset=rows["train"],
        eval_dataset=rows["validation"],
        data_collator=DataCollatorWithPadding(tokenizer),
        callbacks=[Stop()],
    ).train()


def raw() -> None:
    """Train with a loop in torch."""
    import torch
    from torch.utils.data import DataLoader
    from transformers import DataCollatorWithPadding

    rows, tokenizer, classes = load()
    model = build(classes)
    optimizer = torch.optim.AdamW(model.parameters(), 5e-5, weight_decay=0.01)
    collate: Any = DataCollatorWithPadding(tokenizer)
    for batch in DataLoader(rows["train"], 16, shuffle=True, collate_fn=collate):
        model(**batch).loss.backward()
        optimizer.step()
        stop()


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
