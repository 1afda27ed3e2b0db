"""Import paths of version 0.1 give the present objects, and warn with the present path."""

import warnings
from importlib import import_module
from pathlib import Path

import pytest
from hydra.utils import get_class, get_method

from lightning_transformers import former_paths
from lightning_transformers.former_paths import (
    FUNCTIONS,
    METHODS,
    MODULES,
    NAMES,
    RECORDED,
    ROOT,
    places_of,
)
from lightning_transformers.models import backbone, freezing, sharding
from lightning_transformers.task.nlp.language_modeling import LanguageModelingDataModule
from lightning_transformers.task.nlp.question_answering import QuestionAnsweringDataModule
from lightning_transformers.task.shared.labels import LabelledData
from lightning_transformers.task.vision.image_classification import ImageClassificationDataModule
from lightning_transformers.training.metrics import KeepFloat64
from tests.helpers import warm

SAME_NAMES = {
    "core": (
        "adapters",
        "adversarial",
        "backbone",
        "checkpoint_io",
        "freezing",
        "generation",
        "hub",
        "hyperparameters",
        "layers",
        "metrics",
        "packing",
        "predictions",
        "schedules",
        "sharding",
        "source_code",
        "types",
    ),
    "hydra_app": ("arguments", "checks", "legacy", "targets"),
    "manifest": (
        "code",
        "config",
        "differences",
        "digests",
        "environment",
        "git",
        "record",
        "sources",
    ),
}
FORMER = [*MODULES, *(f"{package}.{m}" for package, ms in SAME_NAMES.items() for m in ms)]


@pytest.mark.parametrize("former", FORMER)
def test_former_module_has_the_names_of_those_in_its_place(former: str) -> None:
    places = [import_module(f"{ROOT}.{place}") for place in places_of(former)]
    found = import_module(f"{ROOT}.{former}")
    for place in places:
        names = [n for n, value in vars(place).items() if belongs_to(place.__name__, value)]
        assert names
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            assert all(getattr(found, name) is getattr(place, name) for name in names)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = found.no_such_name


def belongs_to(module: str, value: object) -> bool:
    """Return whether a class or function is defined in a module."""
    return getattr(value, "__module__", None) == module


@pytest.mark.parametrize(("former", "now"), NAMES.items())
def test_former_name_gives_the_present_object(former: str, now: str) -> None:
    (old, name), (module, new) = (path.rsplit(".", 1) for path in (former, now))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        found = getattr(import_module(f"{ROOT}.{old}"), name)
    assert found is getattr(import_module(f"{ROOT}.{module}"), new)


def test_former_module_gives_all_its_names_to_a_star() -> None:
    found: dict[str, object] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        exec(f"from {ROOT}.core.metrics import *", found)
    assert found["Precise"] is KeepFloat64 is found["KeepFloat64"]


def test_former_path_warns_once_with_the_new_one() -> None:
    """Run a new process, where no path has warned yet."""
    code = (
        "from lightning_transformers.core.freezing import freeze_backbone\n"
        "import lightning_transformers.core.freezing as former\n"
        "assert former.freeze_backbone is freeze_backbone\n"
    )
    done = warm.run(["python", "-c", code], Path.cwd())
    assert done.returncode == 0, done.stderr
    line = "lightning_transformers.core.freezing.freeze_backbone is now "
    assert done.stderr.count(line + "lightning_transformers.models.freezing.freeze_backbone") == 1
    assert done.stderr.count("FutureWarning") == 1


def test_recorded_targets_are_found_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert get_method(f"{ROOT}.core.backbone.load_tokenizer") is backbone.load_tokenizer
        image_processor = get_method(f"{ROOT}.core.backbone.load_image_processor")
        assert image_processor is backbone.load_image_processor
        strategy = get_class(f"{ROOT}.core.sharding.FullyShardedStrategy")
        assert strategy is sharding.FullyShardedStrategy
    assert len(RECORDED) == 3


def test_a_module_that_was_divided_has_the_names_of_both_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(former_paths, "warned", set())
    former = import_module(f"{ROOT}.core.labels")
    with pytest.warns(FutureWarning, match=r"task\.shared\.labels\.LabelledData;"):
        assert former.LabelledData is LabelledData
    with pytest.raises(ModuleNotFoundError):
        import_module(f"{ROOT}.core.never_there")
    assert freezing.__spec__ is not None
    assert freezing.__spec__.name == f"{ROOT}.models.freezing"


@pytest.mark.parametrize(
    ("cls", "former", "now"),
    [
        (cls, former, now)
        for cls in (
            ImageClassificationDataModule,
            LanguageModelingDataModule,
            QuestionAnsweringDataModule,
        )
        for former, now in METHODS[cls.__name__].items()
    ],
)
def test_an_override_of_a_former_method_warns(cls: type, former: str, now: str) -> None:
    assert hasattr(cls, now)
    assert not hasattr(cls, former)
    with pytest.warns(FutureWarning, match=f"Own.{former} is not called any more: override {now}"):
        own = type("Own", (cls,), {former: print})
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        type("Heir", (own,), {})
        type("ForBothVersions", (cls,), {former: print, now: print})


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_former_module_that_is_a_function_now_names_it(name: str) -> None:
    with pytest.raises(ModuleNotFoundError, match=f"from {ROOT} import {name}$"):
        import_module(f"{ROOT}.{name}")
    assert callable(getattr(import_module(ROOT), name))
