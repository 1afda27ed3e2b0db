"""The hook catalogue in templates/hooks, checked against the installed Lightning."""

import __future__

import ast
import builtins
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pytorch_lightning import LightningModule
from pytorch_lightning.core.hooks import CheckpointHooks, DataHooks, ModelHooks

TEMPLATES = Path(__file__).parents[2] / "templates"
CORE = "lightning_transformers.core"

VARIABLES = ["phase", "summary", "parameters", "returns", "result", "imports"]
PHASES = {
    "model",
    "data",
    "optimizer",
    "fit",
    "train",
    "validation",
    "test",
    "predict",
    "checkpoint",
    "loss",
}
# 79 columns, less the indentation of a method's body and the quotes around the docstring.
SUMMARY_WIDTH = 79 - 8 - 6

# Methods that Lightning declares with *args; TaskTransformer says which arguments there are.
STEPS = {
    "forward": "(self, batch: Batch) -> ModelOutput",
    "training_step": "(self, batch: Batch, batch_idx: int) -> Tensor",
    "validation_step": "(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None",
    "test_step": "(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None",
    "predict_step": "(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> Any",
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
    "metric_inputs": (
        "(self, loss: Loss, outputs: ModelOutput, batch: Batch) -> dict[str, Any]"
    ),
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


@dataclass(frozen=True)
class Hook:
    name: str
    source: str
    variables: dict[str, Any]
    text: str

    @property
    def signature(self) -> str:
        parameters = ", ".join(["self", *self.variables["parameters"]])
        return f"({parameters}) -> {self.variables['returns']}"

    def stub(self) -> Callable[..., Any]:
        """Return a function of this signature, its annotations left as strings."""
        flags = __future__.annotations.compiler_flag
        namespace: dict[str, Any] = {}
        source = f"def stub{self.signature}: ..."
        exec(compile(source, self.name, "exec", flags=flags), namespace)
        stub: Callable[..., Any] = namespace["stub"]
        return stub


def load_catalogue() -> dict[str, Hook]:
    environment = Environment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FileSystemLoader(TEMPLATES),
    )
    hooks = {}
    for path in sorted((TEMPLATES / "hooks").glob("*.jinja")):
        module = environment.get_template(f"hooks/{path.name}").module
        variables = {name: vars(module)[name] for name in VARIABLES if name in vars(module)}
        hooks[path.stem] = Hook(path.stem, path.read_text(encoding="utf-8"), variables, str(module))
    return hooks


CATALOGUE = load_catalogue()
every_hook = pytest.mark.parametrize("hook", CATALOGUE.values(), ids=CATALOGUE.keys())


def names_in(signature: str) -> set[str]:
    """Return the names that a signature needs, those of builtins left out."""
    tree = ast.parse(f"def stub{signature}: ...")
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return names - set(dir(builtins))


def call_shape(function: Callable[..., Any]) -> list[tuple[str, Any, Any]]:
    parameters = inspect.signature(function).parameters.values()
    return [(parameter.name, parameter.kind, parameter.default) for parameter in parameters]


def lightning_hooks() -> set[str]:
    return {
        name
        for owner in (ModelHooks, DataHooks, CheckpointHooks)
        for name, value in vars(owner).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }


@every_hook
def test_partial_holds_only_its_six_set_statements(hook: Hook) -> None:
    statements = [re.fullmatch(r"{% set (\w+) = .+ %}", line) for line in hook.source.splitlines()]
    assert [match and match[1] for match in statements] == VARIABLES
    assert list(hook.variables) == VARIABLES
    assert hook.source.endswith("%}\n")
    assert hook.text.strip() == ""


@every_hook
def test_phase_is_known(hook: Hook) -> None:
    assert hook.variables["phase"] in PHASES


def test_every_phase_has_a_hook() -> None:
    assert {hook.variables["phase"] for hook in CATALOGUE.values()} == PHASES


@every_hook
def test_summary_is_one_sentence_that_fits_a_docstring_line(hook: Hook) -> None:
    summary = hook.variables["summary"]
    assert len(summary) <= SUMMARY_WIDTH
    assert re.fullmatch(r"(Return|Called) [^.\n\"\\]+\.", summary)
    assert summary.isascii()


@every_hook
def test_result_names_what_super_returns(hook: Hook) -> None:
    returns, result = hook.variables["returns"], hook.variables["result"]
    assert (result == "") == (returns == "None")
    targets = [target.strip() for target in result.split(",")] if result else []
    assert all(target.isidentifier() for target in targets)
    assert not set(targets) & names_in(hook.signature)
    annotations = inspect.get_annotations(hook.stub())
    for target in targets:
        assert returns in (annotations.get(target, returns), "Any")


@every_hook
def test_imports_are_the_names_that_the_signature_uses(hook: Hook) -> None:
    imported = [name for names in hook.variables["imports"].values() for name in names]
    assert sorted(imported) == sorted(names_in(hook.signature))


@pytest.mark.parametrize(
    ("module", "name"),
    sorted(
        {
            (module, name)
            for hook in CATALOGUE.values()
            for module, names in hook.variables["imports"].items()
            for name in names
        }
    ),
)
def test_import_works(module: str, name: str) -> None:
    assert hasattr(import_module(module), name)


def test_a_name_is_imported_from_one_module() -> None:
    homes: dict[str, set[str]] = {}
    for hook in CATALOGUE.values():
        for module, names in hook.variables["imports"].items():
            for name in names:
                homes.setdefault(name, set()).add(module)
    assert {name: modules for name, modules in homes.items() if len(modules) > 1} == {}


@every_hook
def test_annotations_are_modern(hook: Hook) -> None:
    dated = {"Optional", "Union", "Dict", "List", "Tuple"}
    assert not names_in(hook.signature) & dated


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
