"""Console output of training."""

from pathlib import Path

import pytest
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import ModelSummary
from pytorch_lightning.demos.boring_classes import BoringModel

from lightning_transformers.callbacks import ParameterTable, ProgressBar
from lightning_transformers.config.compose import compose
from lightning_transformers.runs.build import build_trainer


def test_the_bar_counts_from_one_and_the_table_has_no_flops(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=2,
        limit_train_batches=1,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        default_root_dir=tmp_path,
        callbacks=[ProgressBar(), ParameterTable()],
    )
    trainer.fit(BoringModel())
    shown = capsys.readouterr().out
    assert "Epoch 2/2" in shown
    assert "Epoch 0" not in shown
    assert "FLOPs" not in shown
    assert "Total params: 66" in shown


@pytest.mark.parametrize(
    ("typed", "tables"), [((), 1), (("+trainer.enable_model_summary=false",), 0)]
)
def test_a_trainer_has_one_table_unless_it_is_switched_off(
    typed: tuple[str, ...], tables: int, tmp_path: Path
) -> None:
    words = ["task=nlp/language_modeling", "callbacks=none", "logger=none", *typed]
    trainer = build_trainer(compose([*words, f"training.run_dir={tmp_path}"]))
    found = [type(c) for c in vars(trainer)["callbacks"] if isinstance(c, ModelSummary)]
    assert found == [ParameterTable] * tables
