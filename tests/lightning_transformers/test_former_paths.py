"""Import paths of version 0.1 give the present objects, and warn with the present path."""

import re
import warnings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from hydra.utils import get_class, get_method

from lightning_transformers import former_paths, predecessor
from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.former_paths import (
    FUNCTIONS,
    METHODS,
    MODULES,
    NAMES,
    RECORDED,
    REMOVED,
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
    "hydra_app": ("checks", "legacy", "targets"),
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


PRESENT = re.compile(rf"\b{ROOT}(?:\.\w+)+")


@pytest.mark.parametrize(
    "path",
    [
        *predecessor.MODULES,
        "core.nlp.seq2seq.model",
        "core.nlp.huggingface",
        "plugins.checkpoint",
        "task.nlp.question_answering.datasets.squad.metric",
        "task.nlp.language_modeling.config",
        "task.vision.image_classification.config",
        "utilities.imports",
    ],
)
def test_a_module_of_the_predecessor_names_the_present_one(path: str) -> None:
    with pytest.raises(ImportError, match=" of lightning-transformers is now ") as caught:
        import_module(f"{ROOT}.{path}")
    assert isinstance(caught.value, ConfigurationError)
    now = str(caught.value).partition(" is now ")[2]
    for found in PRESENT.findall(now):
        module, _, name = found.rpartition(".")
        assert hasattr(import_module(module), name) or find_spec(found), found
    assert PRESENT.search(now) or "pytorch_lightning.loggers" in now


@pytest.mark.parametrize("path", predecessor.NAMES)
def test_a_name_of_the_predecessor_names_the_present_one(path: str) -> None:
    package, _, name = path.rpartition(".")
    with pytest.raises(ImportError, match=f"{path} of lightning-transformers is now {ROOT}"):
        exec(f"from {ROOT}.{package} import {name}")
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = import_module(f"{ROOT}.{package}").no_such_name


@pytest.mark.parametrize("path", REMOVED)
def test_a_removed_name_says_what_replaces_it(path: str) -> None:
    module, _, name = path.rpartition(".")
    with pytest.raises(ImportError) as caught:
        exec(f"from {ROOT}.{module} import {name}")
    assert str(caught.value) == f"{ROOT}.{path} is now {REMOVED[path]}"
    for found in PRESENT.findall(REMOVED[path]):
        present, _, attribute = found.rpartition(".")
        assert hasattr(import_module(present), attribute)


def test_a_package_of_the_predecessor_that_still_works_has_its_modules() -> None:
    assert import_module(f"{ROOT}.core.seq2seq").Seq2SeqTransformer
    with pytest.raises(ModuleNotFoundError):
        import_module(f"{ROOT}.core.seq2seq.other")
