"""Values that do not fit an annotation, and files that are not checkpoints."""

from pathlib import Path
from typing import ClassVar, Literal

import pytest
import torch
from omegaconf import OmegaConf
from pydantic import PositiveInt

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.hyperparameters import set_hyperparameters, set_validated
from lightning_transformers.training.checkpoint import read_checkpoint


class Root:
    """Declares hyperparameters."""

    rate: float = 0.1
    rows: PositiveInt | None = None
    __private: int = 0
    files: ClassVar[dict[str, str]] = {}


class Child(Root):
    """Declares more, one with an annotation that cannot be resolved."""

    policy: "Literal['keep', 'untie']" = "keep"
    unknown: "Nowhere" = None  # type: ignore[name-defined]  # noqa: F821
    names: list[str]


def test_hyperparameters_become_what_the_annotation_says() -> None:
    given = {"rate": 1, "rows": 3.0, "unknown": object(), "names": OmegaConf.create([1, "b"])}
    child = Child()
    set_validated(child, Root, given, owner="task")
    values = vars(child)
    assert values == given | {"rate": 1.0, "rows": 3, "names": ["1", "b"]}
    assert isinstance(values["rate"], float)
    assert type(values["names"]) is list


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"rate": "abc"}, "Child.rate=abc is not a number: set one"),
        ({"rows": 0}, "Child.rows=0 is not an integer above 0 or null: set one"),
        ({"policy": "kep"}, "Child.policy=kep is not keep or untie .did you mean 'keep'"),
        ({"names": "a"}, "Child.names=a is not a list of texts: set one"),
        ({"file": {}}, "Child has no hyperparameter 'file'"),
        ({"rows": None}, "Child needs a value for names"),
    ],
)
def test_hyperparameter_of_a_wrong_type(given: dict[str, object], line: str) -> None:
    with pytest.raises(ConfigurationError, match=line):
        set_hyperparameters(Child(), Root, given)


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        (b"text", "is not a checkpoint"),
        (b"", "is not a checkpoint"),
        (b"PK\x03\x04 and no zip", "is incomplete"),
    ],
)
def test_file_that_is_no_checkpoint(content: bytes, fact: str, tmp_path: Path) -> None:
    file = tmp_path / "a.ckpt"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=rf"a\.ckpt {fact}: give another"):
        read_checkpoint(str(file))


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ({"weight": torch.ones(2)}, "is not a checkpoint of a run"),
        (
            {"state_dict": {}, "hparams": OmegaConf.create({})},
            "contains pickled objects and cannot be loaded safely",
        ),
        ({"state_dict": {}}, None),
    ],
)
def test_checkpoint_of_something_else(
    content: dict[str, object], line: str | None, tmp_path: Path
) -> None:
    torch.save(content, tmp_path / "a.ckpt")
    if line is None:
        assert read_checkpoint(str(tmp_path / "a.ckpt")) == content
        return
    with pytest.raises(ConfigurationError, match=line):
        read_checkpoint(str(tmp_path / "a.ckpt"))


def test_checkpoint_that_was_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "a.ckpt"
    torch.save({"state_dict": {"weight": torch.ones(2000)}}, file)
    data = file.read_bytes()
    # The list of what a zip holds is at its end.
    file.write_bytes(data[:200] + data[4000:])
    with pytest.raises(ConfigurationError, match=r"a\.ckpt cannot be read: ."):
        read_checkpoint(str(file))
