"""The hook catalogues, checked against the installed Lightning and our own base classes."""

import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest
from pytorch_lightning import Callback, LightningDataModule, LightningModule
from pytorch_lightning.core.hooks import CheckpointHooks, DataHooks, ModelHooks

from lightning_transformers.config.compose import compose
from lightning_transformers.core import TransformerDataModule
from lightning_transformers.core.loaders import DataLoaders
from lightning_transformers.core.raw_inputs import RawInputs
from lightning_transformers.runs.build import build_data
from tests.helpers.hook_catalogue import call_shape, load_catalogue
from tests.helpers.rendered import BASES, CATALOG

CORE = "lightning_transformers.core"

# Methods that Lightning declares with *args; TaskTransformer says which arguments there are.
STEPS = {
    "forward": "(self, batch: Batch) -> ModelOutput",
    "training_step": "(self, batch: Batch, batch_idx: int) -> Tensor",
    "validation_step": "(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None",
    "test_step": "(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None",
    "predict_step": "(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> list[Any]",
}

# The points that TaskTransformer adds to Lightning's own.
POINTS = {
    "build_model": "(self) -> PreTrainedModel",
    "shared_step": "(self, batch: Batch, stage: str) -> tuple[Loss, ModelOutput]",
    "compute_loss": "(self, outputs: ModelOutput, batch: Batch, stage: str) -> Loss",
    "parameter_groups": "(self) -> list[dict[str, Any]]",
    "build_optimizer": "(self, groups: list[dict[str, Any]]) -> Optimizer",
    "build_scheduler": "(self, optimizer: Optimizer) -> LRScheduler | None",
    "configure_metrics": "(self, stage: str) -> dict[str, Metric]",
    "metric_inputs": ("(self, loss: Loss, outputs: ModelOutput, batch: Batch) -> dict[str, Any]"),
    "postprocess": "(self, prediction: Any) -> Any",
    "update_metrics": "(self, loss: Loss, outputs: ModelOutput, batch: Batch, stage: str) -> None",
}

NO_LOADER = "a passed data module always wins, so it is never called; without one, super() raises"
ALL_TRAIN = (
    "once overridden, Lightning puts every module into train mode, a frozen backbone included"
)
EXCLUDED = {
    "train_dataloader": NO_LOADER,
    "val_dataloader": NO_LOADER,
    "test_dataloader": NO_LOADER,
    "predict_dataloader": NO_LOADER,
    "on_validation_model_train": ALL_TRAIN,
    "on_test_model_train": ALL_TRAIN,
    "configure_sharded_model": "deprecated; once overridden, FSDP no longer wraps the model",
}


def lightning_hooks() -> set[str]:
    return {
        name
        for owner in (ModelHooks, DataHooks, CheckpointHooks)
        for name, value in vars(owner).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }


def functions(owner: type) -> set[str]:
    """Return the names of the public methods that a class declares."""
    found = {name for name, value in vars(owner).items() if inspect.isfunction(value)}
    return {name for name in found if not name.startswith("_")}


CATALOGUE = load_catalogue("hooks")
DATA_HOOKS = load_catalogue("data_hooks")
CALLBACK_HOOKS = load_catalogue("callback_hooks")
EXCLUDED_OF_DATA = {
    "clean_input": "follows from clean_row",
    "files_of": "follows from the hyperparameters",
    "input_columns": "follows from the hyperparameters",
    "input_row": "follows from predict_rows",
    "has_source": "follows from the hyperparameters",
    "is_unlabelled": "follows from the column of the labels",
    "is_filler": "follows from the number of rows",
    "known_config": "for subclasses to call",
    "named_files": "follows from the hyperparameters",
    "samples": "follows from the hyperparameters",
    "group_rows": "follows from the batch size and the trainer",
    "map_rows": "for subclasses to call",
    "predict_dataset": "follows from predict_rows",
    "prepared_settings": "follows from the hyperparameters",
    "rows_of_examples": "follows from process_split",
    "processor_to_export": "follows from the hyperparameters",
    "read_options": "follows from the hyperparameters",
    "reader": "follows from the hyperparameters",
    "stratified_column": "follows from the hyperparameters",
    "required_columns": "follows from the hyperparameters",
    "require_columns": "for subclasses to call",
    "urls_of": "follows from the hyperparameters",
}


@pytest.mark.parametrize("name", sorted(CATALOGUE.keys() - STEPS.keys() - POINTS.keys()))
def test_signature_equals_that_of_lightning(name: str) -> None:
    method = getattr(LightningModule, name)
    assert call_shape(CATALOGUE[name].stub()) == call_shape(method)
    returns_nothing = inspect.signature(method).return_annotation is None
    assert (CATALOGUE[name].variables["returns"] == "None") == returns_nothing


# TaskTransformer leaves predict_step to Lightning, whose own takes *args and runs forward.
@pytest.mark.parametrize("name", sorted((STEPS | POINTS).keys() - {"predict_step"}))
def test_signature_equals_that_of_the_base_class(name: str) -> None:
    assert CATALOGUE[name].signature == (STEPS | POINTS)[name]
    base = import_module(CORE).TaskTransformer
    assert call_shape(CATALOGUE[name].stub()) == call_shape(getattr(base, name))


@pytest.mark.parametrize("name", sorted(lightning_hooks()))
def test_lightning_hook_is_offered_or_excluded_for_a_reason(name: str) -> None:
    offered, excluded = name in CATALOGUE, name in EXCLUDED
    assert offered != excluded


def test_exclusions_are_hooks_of_the_installed_lightning() -> None:
    assert EXCLUDED.keys() <= lightning_hooks()


@pytest.mark.parametrize("name", sorted(POINTS))
def test_own_point_takes_no_name_of_lightning(name: str) -> None:
    assert not hasattr(LightningModule, name)


# -- of a callback


@pytest.mark.parametrize("name", sorted(functions(Callback)))
def test_callback_hook_is_that_of_lightning(name: str) -> None:
    method = getattr(Callback, name)
    assert call_shape(CALLBACK_HOOKS[name].stub()) == call_shape(method)
    returns_nothing = inspect.signature(method).return_annotation is None
    assert (CALLBACK_HOOKS[name].variables["returns"] == "None") == returns_nothing


def test_no_callback_hook_is_unknown_to_lightning() -> None:
    assert CALLBACK_HOOKS.keys() == functions(Callback)


# -- of a data module


@pytest.mark.parametrize("name", sorted(DATA_HOOKS))
def test_data_hook_is_that_of_the_base_class(name: str) -> None:
    hook, method = DATA_HOOKS[name], getattr(TransformerDataModule, name)
    is_property = isinstance(method, property)
    assert (hook.variables.get("decorator") == "property") == is_property
    function = method.fget if isinstance(method, property) else method
    assert call_shape(hook.stub()) == call_shape(function)
    returns_nothing = inspect.signature(function).return_annotation is None
    assert (hook.variables["returns"] == "None") == returns_nothing


def test_every_method_of_a_data_module_is_offered_or_excluded_for_a_reason() -> None:
    own = {
        name
        for name, value in (
            vars(DataLoaders) | vars(RawInputs) | vars(TransformerDataModule)
        ).items()
        if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, property))
    }
    lightning = functions(LightningDataModule) | functions(DataHooks)
    assert DATA_HOOKS.keys() | EXCLUDED_OF_DATA.keys() == own | lightning
    assert not DATA_HOOKS.keys() & EXCLUDED_OF_DATA.keys()


@pytest.mark.parametrize("base", BASES)
def test_a_stub_names_every_tensor_of_a_batch(base: str, tmp_path: Path) -> None:
    entry = CATALOG.entry("base", base)
    rows = [f"dataset.limit_{split}_samples=8" for split in ("train", "val")]
    task = f"task={entry['group']}/{base}"
    data = build_data(compose([task, "experiment=smoke", f"training.run_dir={tmp_path}", *rows]))
    data.setup("fit")
    keys = {
        key
        for loader in (data.train_dataloader(), data.val_dataloader())
        for batch in loader
        for key in batch
    }
    assert keys <= {*re.findall(r"\w+", entry["holds"]["batch"])}
