"""The generated test of a task names parameters that change by mistake, or fail to."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lightning_transformers import testing
from lightning_transformers.config.config_tree import PACKAGED_CONFIGS
from lightning_transformers.task.nlp.language_modeling import LanguageModelingTransformer
from tests.helpers.contracts import contract
from tests.helpers.corpus import write_txt

TASK = "nlp/language_modeling"
NORM = "model.transformer.ln_f.weight"


class Plain(LanguageModelingTransformer):
    """A task, and one parameter of it."""

    def named(self) -> torch.nn.Parameter:
        return dict(self.named_parameters())[NORM]


class Frozen(Plain):
    def setup(self, stage: str) -> None:
        super().setup(stage)
        self.named().requires_grad = False


class ChangesFrozen(Frozen):
    def on_train_batch_end(self, *_: Any) -> None:
        self.named().data += 1


class LeavesOut(Plain):
    def parameter_groups(self) -> list[dict[str, Any]]:
        return [
            {**group, "params": [p for p in group["params"] if p is not self.named()]}
            for group in super().parameter_groups()
        ]


class TakesBack(Plain):
    def on_train_start(self) -> None:
        self.before = self.named().detach().clone()

    def on_train_batch_end(self, *_: Any) -> None:
        self.named().data.copy_(self.before)


class StandsStill(LeavesOut):
    """A group of its own, at a learning rate of 0."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        return [*super().parameter_groups(), {"params": [self.named()], "lr": 0.0}]


def test_task_passes(tmp_path: Path) -> None:
    contract(Plain, TASK).test_trains(tmp_path)


def test_task_trains_on_the_rows_that_its_test_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(PACKAGED_CONFIGS, tmp_path / "conf")
    monkeypatch.setattr(testing, "project_of", lambda _: tmp_path)
    own = str(write_txt(tmp_path / "own.txt"))

    class OnOwnRows(testing.TaskContract):
        task = TASK
        task_class = Plain
        rows = (f"dataset.train_file={own}", f"task._target_={__name__}.Plain")

    OnOwnRows().test_trains(tmp_path / "run")
    run = testing.train_recorded(OnOwnRows().compose(tmp_path / "other"))
    assert run.data.files_of("train") == [own]
    assert run.data.files_of("test") == []


FAULTS = {
    ChangesFrozen: "changed, but not by an optimizer",
    LeavesOut: "gradient, but in no parameter group",
    TakesBack: "gradient, but no change",
}


@pytest.mark.parametrize("cls", FAULTS)
def test_fault_is_named(cls: type[Plain], tmp_path: Path) -> None:
    with pytest.raises(AssertionError) as failed:
        contract(cls, TASK).test_trains(tmp_path)
    assert f"{FAULTS[cls]}: ['{NORM}']" in str(failed.value)


MEANT: dict[type[Plain], Callable[[set[str]], set[str]]] = {
    ChangesFrozen: lambda due: due | {NORM},
    LeavesOut: lambda due: due - {NORM},
    TakesBack: lambda due: due - {NORM},
}


@pytest.mark.parametrize("cls", MEANT)
def test_task_may_mean_it(cls: type[Plain], tmp_path: Path, monkeypatch: Any) -> None:
    test = contract(cls, TASK)
    monkeypatch.setattr(test, "parameters_to_change", MEANT[cls])
    test.test_trains(tmp_path)


@pytest.mark.parametrize("cls", [StandsStill, Frozen])
def test_fixed_parameters_are_not_reported(cls: type[Plain], tmp_path: Path) -> None:
    contract(cls, TASK).test_trains(tmp_path)


def test_only_a_task_with_hooks_is_run_to_see_them_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = []
    monkeypatch.setattr(testing, "assert_called", lambda cls, *_, **__: run.append(cls))
    for cls in (type("Bare", (LanguageModelingTransformer,), {}), Frozen):
        contract(cls, TASK).test_overridden_hooks_are_called(tmp_path)
    assert run == [Frozen]


def test_a_stub_is_a_method_that_is_written_as_one() -> None:
    class Written(LanguageModelingTransformer):
        __annotate_func__ = lambda self: super().setup("fit")  # noqa: E731, as Python 3.14 adds one

        def setup(self, stage: str) -> None:
            super().setup(stage)

    with pytest.warns(UserWarning, match="setup only calls super") as warned:
        testing.name_stubs(Written)
    assert len(warned) == 1
