"""Merge cases: rendered files, user edits and template changes."""

import ast
import random
from dataclasses import replace
from functools import lru_cache

import yaml

from build_tools.release_templates import TEMPLATES
from ltscaffold.project.initial_answers import initial_answers
from ltscaffold.record.answers import Answers, Component
from ltscaffold.record.component_types import CALLBACK, CALLBACK_BASE, DATASET, TASK
from ltscaffold.templating.catalog import Catalog
from ltscaffold.templating.render import Files, render
from ltscaffold.templating.source import SOURCE_URL, checkout, versions
from tests.helpers.merge_edits import CHANGES, EDITS, YAML_CHANGES, YAML_EDITS, Edit
from tests.helpers.rendered import BASES, CATALOG, HOOKS, item, suitable

Case = tuple[str, str, str, str]
"""A path, and its text as edited, as rendered, and as rendered by changed templates."""
SHARED = 5
"""Cases in a row that share what was rendered, since that takes longest."""
MODEL = "tasks/mine/model.py"


def case(seed: int) -> Case:
    """Return a case: one in five has what the releases changed, the others changes by rule."""
    rng = random.Random(seed)
    if seed % SHARED == 0:
        path, base, theirs = released(rng)
    else:
        path, base = rng.choice(sorted(rendered(seed // SHARED).items()))
        theirs = base
    python = path.endswith(".py")
    edits, changes = (EDITS, CHANGES) if python else (YAML_EDITS, YAML_CHANGES)
    ours = edited(base, edits, rng)
    for change in rng.sample(changes, rng.randint(1, 2)) if theirs == base else ():
        theirs = change(theirs)
    for text in (ours, theirs):
        ast.parse(text) if python else yaml.safe_load(text)
    return path, ours, base, theirs


def edited(text: str, edits: list[Edit], rng: random.Random) -> str:
    """Return a text with up to three edits."""
    # Layout comes last: the other edits look for the layout of templates.
    for edit in sorted(rng.sample(edits, min(rng.randint(1, 3), len(edits))), key=edits.index):
        text = edit(text)
    return text


def project_at(version: str, rng: random.Random) -> Answers:
    """Return the record of a project with a component of each type that a version has."""
    catalog = Catalog(checkout(SOURCE_URL, version))
    components = []
    for each in filter(catalog.has, (TASK, DATASET, CALLBACK)):
        fragments = [each.fragment(hook) for hook in rng.sample(catalog.hook_names(each), 3)]
        if each is TASK:
            recipes = rng.sample(catalog.recipes_for("language_modeling"), 2)
            fragments += [f"recipes/{recipe}" for recipe in recipes]
        group, base = ("", CALLBACK_BASE) if each is CALLBACK else ("nlp", "language_modeling")
        name = f"my_{each.name}"
        components.append(Component(each.name, name, group, base, fragments, version))
    return Answers(version, SOURCE_URL, "tasks", components)


@lru_cache(maxsize=1)
def rendered(seed: int) -> Files:
    """Return the files of an item of each kind, and the config of the project."""
    rng = random.Random(seed)
    base = rng.choice(BASES)
    task = item("mine", base, rng.sample(suitable(base), rng.randint(1, 3)))
    task.fragments.extend(f"hooks/{hook}" for hook in rng.sample(HOOKS, rng.randint(1, 4)))
    data, calls = (
        [kind.fragment(hook) for hook in rng.sample(CATALOG.hook_names(kind), 3)]
        for kind in (DATASET, CALLBACK)
    )
    items = [
        task,
        Component(DATASET.name, "rows", task.group, base, data, "v0.0.0"),
        Component(CALLBACK.name, "watch", "", CALLBACK_BASE, calls, "v0.0.0"),
    ]
    files = render(TEMPLATES, replace(initial_answers("tasks"), components=items))
    names = ("model.py", "data.py", "callback.py", ".yaml")
    return {path: text for path, text in files.items() if path.endswith(names)}


def released(rng: random.Random) -> tuple[str, str, str]:
    """Return a task's module as the oldest version of the templates gives it, and the newest."""
    recipes = rng.sample(["freeze_backbone", "weight_noise"], rng.randint(0, 2))
    task = item("mine", "language_modeling", recipes)
    task.fragments.extend(f"hooks/{hook}" for hook in rng.sample(HOOKS, rng.randint(1, 4)))
    answers = replace(initial_answers("tasks"), components=[task])
    oldest = checkout(SOURCE_URL, versions(SOURCE_URL)[0])
    known = [part for part in task.fragments if (oldest / f"{part}.jinja").exists()]
    task.fragments[:] = known
    base, theirs = (render(templates, answers)[MODEL] for templates in (oldest, TEMPLATES))
    return MODEL, base, theirs
