"""Generated code passes formatter, linter and type checker in any combination."""

import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ltscaffold.record.answers import Component
from ltscaffold.record.component_types import (
    CALLBACK,
    CALLBACK_BASE,
    DATASET,
    TASK,
    ComponentType,
)
from tests.helpers.covering import covering_array, uncovered
from tests.helpers.rendered import BASES, CATALOG, RECIPES, project_files, suitable, unsuitable

pytestmark = pytest.mark.xdist_group("lint")  # they share a project

LINTERS = [
    ("ruff", "format", "--isolated", "--check", "."),
    ("ruff", "check", "--isolated", "--select", "B,E,F,I,N,UP,SIM", "."),
    *(
        ("mypy", "--config-file", str(Path(__file__).with_name(name)), ".")
        for name in ("mypy.ini", "mypy_all.ini")
    ),
]
BASE = "language_modeling"
LONG = "a_name_that_is_as_long_as_one_can_be_and_wraps"
KINDS_AND_BASES = [
    *((kind, base) for kind in (TASK, DATASET) for base in BASES),
    (CALLBACK, CALLBACK_BASE),
]


def parts(kind: ComponentType, base: str) -> list[str]:
    """Return all that an item can have."""
    recipes = suitable(base) if kind is TASK else []
    hooks = [kind.fragment(hook) for hook in CATALOG.hook_names(kind)]
    return [*hooks, *(f"recipes/{recipe}" for recipe in recipes)]


def make(kind: ComponentType, name: str, base: str, chosen: Sequence[str] = ()) -> Component:
    """Return an item as the answers of a project record it."""
    group = str(CATALOG.entry("base", base)["group"]) if base in BASES else "nlp"
    return Component(kind.name, name, group, base, list(chosen), "v0.0.0")


def items() -> Iterator[Component]:
    """Yield items with each part alone, with sets of parts that cover all pairs, and chained."""
    order = random.Random(0)
    for kind, base in KINDS_AND_BASES:
        yield make(kind, f"{kind.name}_{base.lower()}", base)
        for number, row in enumerate(covering_array(parts(kind, base))):
            order.shuffle(row)
            yield make(kind, f"{kind.name}_{base.lower()}_{number}", base, row)
    for kind in (TASK, DATASET, CALLBACK):
        base = CALLBACK_BASE if kind is CALLBACK else BASE
        for hook in CATALOG.hook_names(kind):
            yield make(kind, f"{kind.name}_with_{hook}", base, [kind.fragment(hook)])
    for recipe in RECIPES:
        base = next(base for base in BASES if base not in unsuitable(recipe))
        yield make(TASK, f"with_recipe_{recipe}", base, [f"recipes/{recipe}"])
    hooks = [part for part in parts(TASK, BASE) if part.startswith("hooks/")]
    yield make(TASK, LONG, BASE)
    yield make(TASK, f"{LONG}_2", LONG, parts(TASK, BASE))
    yield make(TASK, "on_that", f"{LONG}_2", hooks)
    masked = "masked_language_modeling"
    yield make(DATASET, f"{LONG}_3", masked, parts(DATASET, masked))
    yield make(CALLBACK, f"{LONG}_4", CALLBACK_BASE, parts(CALLBACK, CALLBACK_BASE))


@pytest.fixture(scope="module")
def every_item(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with these items."""
    project = tmp_path_factory.mktemp("every-item")
    for path, text in project_files(*items()).items():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(text)
    return project


@pytest.mark.parametrize(
    "linter",
    [*LINTERS[:-1], pytest.param(LINTERS[-1], marks=pytest.mark.slow)],
    ids=["format", "style", "types", "every type"],
)
def test_linter_finds_nothing(linter: tuple[str, ...], every_item: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *linter], cwd=every_item, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("kind", "base"), KINDS_AND_BASES, ids=[f"{kind.name}-{base}" for kind, base in KINDS_AND_BASES]
)
def test_items_cover_every_two_parts(kind: ComponentType, base: str) -> None:
    """Both, the one, the other, none; which one set less does not."""
    every = parts(kind, base)
    rows = [item.fragments for item in items() if (item.type, item.base) == (kind.name, base)]
    assert not list(uncovered(rows, every))
    rows = covering_array(every)
    assert not list(uncovered(rows, every))
    assert list(uncovered(rows[1:], every))
