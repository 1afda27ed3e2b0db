"""A run of an earlier version resumes with its formulas, a new one has the newest."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.strategies import SingleDeviceStrategy
from transformers import XLNetTokenizer

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.models.backbone import Backbone
from lightning_transformers.runs.build import seed_everything
from lightning_transformers.task.nlp.question_answering import (
    QuestionAnsweringDataModule,
    QuestionAnsweringTransformer,
)
from lightning_transformers.training.formulas import FORMULAS, KEY, recorded_formulas
from tests.helpers.language_modeling import ADAMW, TINY, trainer

STEPS = 6
SCHEDULE = {
    "_target_": "transformers.get_constant_schedule_with_warmup",
    "num_warmup_steps": 0.55,  # 3.3 steps
}


class SaveEarly(Callback):
    """Saves a checkpoint after the second step."""

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if trainer.global_step == 2:
            trainer.save_checkpoint(Path(trainer.default_root_dir) / "early.ckpt")


def fitted(
    folder: Path, formulas: int = FORMULAS, resume: Path | None = None
) -> QuestionAnsweringTransformer:
    """Return a task after a fit, which writes `early.ckpt`."""
    seed_everything(0)
    backbone = {"pretrained_model_name_or_path": f"{TINY}/bert", "random_weights": True}
    values = {"dataset_name": "sample", "limit_train_samples": 40, "max_length": 64}
    tokenizer = Backbone(f"{TINY}/bert").load_tokenizer()
    data = QuestionAnsweringDataModule(tokenizer, **values, batch_size=4)
    task = QuestionAnsweringTransformer(backbone, optimizer=ADAMW, scheduler=SCHEDULE)
    task.formulas = formulas
    run = trainer(folder, max_steps=STEPS, limit_val_batches=0, callbacks=[SaveEarly()])
    run.fit(task, datamodule=data, ckpt_path=resume, weights_only=True)
    assert data.formulas == task.formulas
    run.save_checkpoint(folder / "last.ckpt")
    return task


def test_a_checkpoint_without_a_version_resumes_with_the_former_formulas(tmp_path: Path) -> None:
    former = fitted(tmp_path, formulas=1)
    file = tmp_path / "early.ckpt"
    content = torch.load(file, weights_only=True)
    assert content.pop(KEY) == 1
    torch.save(content, file)
    resumed = fitted(tmp_path, resume=file)
    assert recorded_formulas(torch.load(tmp_path / "last.ckpt", weights_only=True)) == 1
    for name, weight in former.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], weight)
    newest = fitted(tmp_path)
    pairs = zip(former.parameters(), newest.parameters(), strict=True)
    assert any(not torch.equal(*pair) for pair in pairs)


def test_a_strategy_that_loads_late_refuses_former_formulas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted(tmp_path, formulas=1)
    late: Any = property(lambda strategy: True)
    monkeypatch.setattr(SingleDeviceStrategy, "restore_checkpoint_after_setup", late)
    refusal = r"cannot resume a run with formulas of version 1 \(now 5\)"
    with pytest.raises(ConfigurationError, match=refusal):
        fitted(tmp_path, resume=tmp_path / "early.ckpt")


def test_texts_are_padded_on_the_right_except_where_the_classification_token_is_last() -> None:
    data = QuestionAnsweringDataModule(Backbone(f"{TINY}/bert").load_tokenizer())
    data.tokenizer.padding_side = "left"
    assert not data.pads_left()
    data.formulas = 1
    assert data.pads_left()
    data.formulas = FORMULAS
    pieces = ["<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>", "▁a"]
    data.tokenizer = XLNetTokenizer(vocab=[(piece, 0.0) for piece in pieces])
    assert data.pads_left()
