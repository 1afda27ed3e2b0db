"""Every recipe fits every base that it is not declared unsuitable for, in a few lines."""

import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from omegaconf import OmegaConf
from PIL import Image
from pytorch_lightning import Trainer

from lightning_transformers.config.app import suppress_library_warnings
from lightning_transformers.config.compose import compose
from lightning_transformers.core import TaskTransformer
from lightning_transformers.runs.build import build_data, build_model, seed_everything
from tests.helpers.line_counts import LINES_OF_PYTHON, LINES_OF_YAML, added
from tests.helpers.rendered import (
    BASES,
    CATALOG,
    RECIPES,
    suitable,
    task_class,
    task_files,
    unsuitable,
)

pytestmark = pytest.mark.xdist_group("recipes")  # they share the data of each base

SETTINGS = (
    *("experiment=smoke", "callbacks=none", "logger=none", "trainer=cpu"),
    *("dataset.limit_train_samples=8", "dataset.limit_val_samples=8", "dataset.batch_size=2"),
)


@cache
def prepared(base: str) -> tuple[Any, Any]:
    """Return the config and the data of a base; all recipes train on the same."""
    suppress_library_warnings()
    group = CATALOG.entry("base", base)["group"]
    config = compose([f"task={group}/{base}", *SETTINGS])
    data = build_data(config)
    return config, data


def build(base: str, *recipes: str) -> TaskTransformer:
    """Return the task that the templates give, on the tiny backbone."""
    config, data = prepared(base)
    cls, written = task_class(base, *recipes), OmegaConf.create(task_files(base, recipes)[1])
    del written["defaults"]
    task = {**config.task, **written, "_target_": f"{cls.__module__}.{cls.__name__}"}
    seed_everything(0)
    model: TaskTransformer = build_model(OmegaConf.create({**config, "task": task}), data)
    return model


def trainer(limit_val_batches: int = 0) -> Trainer:
    return Trainer(
        accelerator="cpu",
        max_steps=2,  # the first warms up
        limit_val_batches=limit_val_batches,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


PAIRS = [(recipe, base) for base in BASES for recipe in suitable(base)]


def sampled(pairs: list[tuple[str, str]]) -> Iterator[Any]:
    """Yield all pairs; all are slow except two bases per recipe, which differ by recipe."""
    for number, recipe in enumerate(RECIPES):
        bases = [base for other, base in pairs if other == recipe]
        chosen = {bases[(number + start) % len(bases)] for start in (0, len(bases) // 2)}
        for base in bases:
            marks = [] if base in chosen else [pytest.mark.slow]
            yield pytest.param(recipe, base, id=f"{recipe}-{base}", marks=marks)


@pytest.mark.parametrize(("recipe", "base"), list(sampled(PAIRS)))
def test_recipe_trains_a_batch_on_a_base(recipe: str, base: str) -> None:
    trains_a_batch(build(base, recipe), base)


@pytest.mark.parametrize("base", BASES)
def test_all_recipes_train_a_batch_together(base: str) -> None:
    trains_a_batch(build(base, *suitable(base)), base)
    trains_a_batch(build(base, *reversed(suitable(base))), base)


METRICS = [(r, base) for r, base in PAIRS if r in ("custom_metric", "perplexity")]


@pytest.mark.parametrize(("recipe", "base"), METRICS, ids=["-".join(pair) for pair in METRICS])
def test_metric_is_reported_on_a_base(recipe: str, base: str) -> None:
    run = trainer(limit_val_batches=2)
    logged = run.validate(build(base, recipe), prepared(base)[1], verbose=False)[0]
    if recipe == "perplexity":
        assert logged["val/perplexity"] == pytest.approx(math.exp(logged["val/loss"]))
    else:
        assert 0 < logged["val/label_probability"] < 1


INPUTS: dict[str, Any] = {
    "image_classification": Image.new("L", (28, 28), 128),
    "masked_language_modeling": "It is a <mask>.",
    "multiple_choice": {"context": "A", "question": "B", "choices": ["c", "d"]},
    "question_answering": {"context": "Anna sat  down.", "question": "Who?"},
}


@pytest.mark.parametrize("base", [base for recipe, base in PAIRS if recipe == "postprocess"])
def test_predictions_are_postprocessed_on_a_base(base: str) -> None:
    data, inputs = prepared(base)[1], [INPUTS.get(base, "It is a truth ")]
    plain = build(base).predict(inputs, data)
    shown = build(base, "postprocess").predict(inputs, data)
    for before, after in zip(leaves(plain), leaves(shown), strict=True):
        assert after == (float(f"{before:.3f}") if isinstance(before, float) else before)


def leaves(prediction: Any) -> Iterator[Any]:
    """Yield the numbers and texts in a prediction."""
    if isinstance(prediction, dict | list):
        for part in prediction.values() if isinstance(prediction, dict) else prediction:
            yield from leaves(part)
    else:
        yield prediction


def trains_a_batch(model: TaskTransformer, base: str) -> None:
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    trainer().fit(model, prepared(base)[1])
    after = dict(model.named_parameters())
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    assert changed
    assert all(after[name].requires_grad for name in changed)
    assert all(p.isfinite().all() for p in after.values())


@pytest.mark.parametrize("recipe", RECIPES)
def test_unsuitable_bases_have_a_reason(recipe: str) -> None:
    reasons = unsuitable(recipe)
    assert set(reasons) < set(BASES)
    for reason in reasons.values():
        assert len(reason.split()) >= 5
        assert reason[0].islower()
        assert reason[-1].isalpha()


def test_conflicts_are_declared_on_both_sides() -> None:
    conflicts = {
        recipe: dict(CATALOG.entry("recipe", recipe)).get("conflicts", {}) for recipe in RECIPES
    }
    assert any(conflicts.values())
    for recipe, others in conflicts.items():
        for other, reason in others.items():
            assert conflicts[other][recipe] == reason


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipe_adds_few_lines(recipe: str) -> None:
    base = next(base for base in BASES if base not in unsuitable(recipe))
    for limit, plain, customised in zip(
        (LINES_OF_PYTHON, LINES_OF_YAML), task_files(base), task_files(base, [recipe]), strict=True
    ):
        assert added(plain, customised) <= limit


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipe_shows_its_hyperparameters_in_the_yaml(recipe: str) -> None:
    base = next(base for base in BASES if base not in unsuitable(recipe))
    written = yaml.safe_load(task_files(base, [recipe])[1])
    fields = CATALOG.entry("recipe", recipe)["fields"]
    assert written.keys() - {"defaults", "_target_"} == fields.keys()


def test_no_two_recipes_have_a_name_or_a_call_in_common() -> None:
    entries = [dict(CATALOG.entry("recipe", recipe)) for recipe in RECIPES]
    names = [name for entry in entries for name in entry["fields"]]
    names += [name for entry in entries for name in entry if name.endswith("_call")]
    assert len(names) == len(set(names))
    for base in BASES:
        inherited = dir(task_class(base))
        assert not set(names) & set(inherited), Path(base)
