"""`training.keep_state=false`, the default of a sweep, keeps the weights of a run."""

from pathlib import Path

import pytest
import torch

from lightning_transformers import load
from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.config.compose import compose
from lightning_transformers.runs.evaluate import evaluate_from_config
from lightning_transformers.runs.train import keep_weights, train_from_config
from tests.helpers.python_examples import RUN, train_run

QUIET = ("logger=none", "+trainer.enable_progress_bar=false", "training.run_dir=outputs/run")
OWN = ("dataset.dataset_name=null", "dataset.train_file=train.csv")
DEFAULT = ("callbacks=[checkpoint,autosave]", "training.keep_state=false")


def test_the_best_weights_remain(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = train_run(*DEFAULT)
    (file,) = (folder / "checkpoints").iterdir()
    assert file.name == "best.ckpt"
    assert {"optimizer_states", "loops", "callbacks", "exact_resume"}.isdisjoint(
        torch.load(file, weights_only=True)
    )
    task, data = load(folder)
    assert task.predict("text 3", data)
    settings = (*RUN, *OWN, *QUIET, *DEFAULT)
    trained = train_from_config(compose([*settings, "resume=auto"]))
    assert "has ended (finished" in capsys.readouterr().out
    with pytest.raises(ConfigurationError, match=r"contains only weights.*keep_state=false"):
        train_from_config(compose([*settings, "resume=auto", "trainer.max_epochs=2"]))
    found = evaluate_from_config(compose([*settings, f"checkpoint_path={file}"]))
    assert found["val/loss"] == pytest.approx(trained["val/loss"], rel=1e-5)


def test_without_a_best_checkpoint_the_last_weights_remain(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    for name in ("last.ckpt", "every/step=1.ckpt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        torch.save({"state_dict": {"weight": torch.ones(2)}, "loops": {}}, folder / name)
    (folder / "sharded.ckpt").mkdir()
    keep_weights(folder, None)
    for name in ("last.ckpt", "every/step=1.ckpt"):
        assert [*torch.load(folder / name, weights_only=True)] == ["state_dict"]
    keep_weights(folder, "checkpoints/last.ckpt")
    assert (folder / "last.ckpt").is_file()
    keep_weights(folder, "checkpoints/every/step=1.ckpt")
    assert not (folder / "last.ckpt").exists()
    (folder / "last.ckpt").mkdir()
    (folder / "last.ckpt/meta.pt").touch()
    keep_weights(folder, "checkpoints/sharded.ckpt")
    assert not (folder / "last.ckpt").exists(), "a sharded one"
    assert (folder / "sharded.ckpt").exists()
