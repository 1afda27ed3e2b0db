"""Files and classes rendered for a component, without a project on disk."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from build_tools.release_templates import TEMPLATES
from lightning_transformers.core import TaskTransformer
from ltscaffold.project.initial_answers import initial_answers
from ltscaffold.record.answers import Component
from ltscaffold.templating.catalog import Catalog
from ltscaffold.templating.render import Files, render

CATALOG = Catalog(TEMPLATES)
BASES, HOOKS, RECIPES = (CATALOG.names(kind) for kind in ("base", "hook", "recipe"))


def item(name: str, base: str, recipes: Sequence[str] = ()) -> Component:
    """Return a task with recipes."""
    parts = [f"recipes/{recipe}" for recipe in recipes]
    return Component("task", name, CATALOG.entry("base", base)["group"], base, parts, "v0.0.0")


def project_files(*items: Component) -> Files:
    """Return the files of a project with these tasks, by path."""
    return render(TEMPLATES, replace(initial_answers("tasks"), components=list(items)))


def task_files(base: str, recipes: Sequence[str] = ()) -> tuple[str, str]:
    """Return the module and the YAML of a task called `mine`."""
    mine = item("mine", base, recipes)
    files = project_files(mine)
    return files["tasks/mine/model.py"], files[f"conf/task/{mine.group}/mine.yaml"]


def task_class(base: str, *recipes: str) -> type[TaskTransformer]:
    """Return the class that the templates give for a base with recipes."""
    name = "_".join(["rendered", base, *recipes])
    if name not in sys.modules:
        module = ModuleType(name)
        sys.modules[name] = module
        source, _ = task_files(base, recipes)
        exec(compile(source, name, "exec"), module.__dict__)
    rendered: Any = sys.modules[name]
    found: type[TaskTransformer] = rendered.MineTransformer
    return found


def some_bases(*names: str) -> list[Any]:
    """Return these bases, and all of them, as parameters of a test that trains on each."""
    return [
        pytest.param([*names], id="some"),
        pytest.param(BASES, id="all", marks=pytest.mark.slow),
    ]


def unsuitable(recipe: str) -> dict[str, str]:
    """Return the bases on which a recipe makes no sense, with the reasons."""
    reasons: dict[str, str] = dict(CATALOG.entry("recipe", recipe)).get("unsuitable", {})
    return reasons


def suitable(base: str) -> list[str]:
    """Return the recipes that make sense on a base."""
    return [recipe for recipe in RECIPES if base not in unsuitable(recipe)]


def combinable(base: str) -> list[str]:
    """Return the suitable recipes that one task can have: without one of each conflicting pair."""
    found: list[str] = []
    for recipe in suitable(base):
        if not set(dict(CATALOG.entry("recipe", recipe)).get("conflicts", {})) & {*found}:
            found.append(recipe)
    return found
