"""The cost of the order of methods: conflicts of `add`, of updates, and of merged branches.

    python benchmarks/order.py [--cases 200]

`add` and updates: a task with a few hooks and recipes, edited as in the tests of merges, gets one
more hook or recipe, or the newest templates; by member, as ltscaffold does, and by line, as
`copier update` does. Branches: each of two adds another hook or recipe, and fills in a hook in half
of the cases; git merges them, then `ltscaffold update` resolves what is left. Prints two tables in
Markdown. Templates 1.4.0 have the newest hook first, 2.0.0 has the order of the lifecycle.
"""

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from ltscaffold.commands.edit.add import plan_add
from ltscaffold.commands.update.update import plan_update
from ltscaffold.merge.lines import merge_lines
from ltscaffold.merge.python import merge_python
from ltscaffold.record.answers import Answers, Component, read_project
from ltscaffold.templating.catalog import Catalog
from ltscaffold.templating.render import render
from ltscaffold.templating.source import SOURCE_URL, checkout, versions
from ltscaffold.writing.transaction import apply

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.helpers.merge_edits import EDITS

MODEL = "tasks/mine/model.py"
CONFIG = "conf/task/nlp/mine.yaml"
BASE = "language_modeling"
FORMER = "v1.4.0"


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=int, default=200)
    cases = parser.parse_args().cases
    print("| | cases | conflicts by member | conflicts by line |")
    print("|---|---|---|---|")
    newest = versions(SOURCE_URL)[-1]
    for what, old, new in (
        (f"`add` at {FORMER}", FORMER, FORMER),
        (f"`add` at {newest}", newest, newest),
        (f"update from {FORMER} to {newest}", FORMER, newest),
    ):
        found = [edited_conflicts(old, new, seed) for seed in range(cases)]
        members, lines = (sum(each) for each in zip(*found, strict=True))
        print(f"| {what} | {cases} | {members} | {lines} |", flush=True)
    print("\n| templates | merges | git: conflict | after `ltscaffold update`: conflict |")
    print("|---|---|---|---|")
    for version in (FORMER, newest):
        conflicts = left = 0
        for seed in range(cases):
            with tempfile.TemporaryDirectory() as folder:
                os.environ["XDG_STATE_HOME"] = f"{folder}/state"
                conflicted, unresolved = merge(Path(folder) / "project", version, seed)
            conflicts, left = conflicts + conflicted, left + unresolved
        print(f"| {version} | {cases} | {conflicts} | {left} |", flush=True)


def edited_conflicts(old: str, new: str, seed: int) -> tuple[bool, bool]:
    """Return whether an edited task conflicts by member, and by line; same version: with `add`."""
    dice = random.Random(seed)
    more, *before = dice.sample(fragments(old), dice.randint(1, 5) + 1)
    base = rendered(old, before)
    theirs = rendered(new, before if old != new else [*before, more])
    ours = base
    for edit in sorted(dice.sample(EDITS, dice.randint(1, 3)), key=EDITS.index):
        ours = edit(ours)
    draft = merge_python(ours, base, theirs)
    assert draft is not None
    by_line = merge_lines(ours.encode(), base.encode(), theirs.encode())[1]
    return any(mark.kind == "conflict" for mark in draft.marks), by_line


def fragments(version: str) -> list[str]:
    """Return the hooks and recipes that a task can have."""
    catalog = Catalog(checkout(SOURCE_URL, version))
    hooks = [f"hooks/{name}" for name in catalog.names("hook")]
    return hooks + [f"recipes/{name}" for name in catalog.recipes_for(BASE)]


def rendered(version: str, chosen: list[str]) -> str:
    """Return the module of a task."""
    task = Component("task", "mine", "nlp", BASE, chosen, version)
    return render(checkout(SOURCE_URL, version), Answers(version, SOURCE_URL, "tasks", [task]))[
        MODEL
    ]


def merge(project: Path, version: str, seed: int) -> tuple[bool, bool]:
    """Merge two branches; return whether git and the update leave a conflict in the task."""
    dice = random.Random(seed)
    chosen = dice.sample(fragments(version), dice.randint(1, 5) + 2)
    first, second, *before = chosen
    task = Component("task", "mine", "nlp", BASE, before, version)
    answers = Answers(version, SOURCE_URL, "tasks", [task])
    for path, text in render(checkout(SOURCE_URL, version), answers).items():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(text)
    fill_in(project, dice)
    git(project, "init", "--quiet", "--initial-branch=main")
    commit(project)
    for branch, fragment in (("one", first), ("two", second)):
        git(project, "checkout", "--quiet", "-b", branch, "main")
        folder, _, name = fragment.partition("/")
        add = partial(plan_add, project, "mine", **{folder: [name]})
        apply(project, add)
        if dice.random() < 0.5:
            fill_in(project, dice, name)
        commit(project)
    git(project, "merge", "--quiet", "one", check=False)
    conflicted = has_conflicts(project)
    apply(project, partial(plan_update, project, to=version))
    text = (project / MODEL).read_text()
    unresolved = has_conflicts(project)
    if not unresolved:
        compile(text, MODEL, "exec")
        methods = [f"def {f.partition('/')[2]}(" for f in chosen if f.startswith("hooks/")]
        assert all(method in text for method in methods), seed
        (recorded,) = read_project(project).components
        assert set(recorded.fragments) == set(chosen)
    return conflicted, unresolved


def has_conflicts(project: Path) -> bool:
    """Return whether a file of the task has conflict markers."""
    return any("<<<<<<<" in (project / path).read_text() for path in (MODEL, CONFIG))


def fill_in(project: Path, dice: random.Random, name: str = "") -> None:
    """Fill in a stub: that of a name, or any."""
    text = (project / MODEL).read_text()
    call = re.compile(rf"        (return )?super\(\)\.{name}")
    stubs = [line for line in text.split("\n") if call.match(line)]
    if stubs:
        stub = dice.choice(stubs)
        text = text.replace(stub, f"        print('{name or 'filled'}')\n{stub}", 1)
        (project / MODEL).write_text(text)


def commit(project: Path) -> None:
    """Commit all files."""
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "work")


def git(project: Path, *arguments: str, check: bool = True) -> None:
    """Run git in a project."""
    who = ["-c", "user.name=A. User", "-c", "user.email=user@example.org"]
    command = ["git", *who, *arguments]
    subprocess.run(command, cwd=project, check=check, stdout=sys.stderr)


if __name__ == "__main__":
    main()
