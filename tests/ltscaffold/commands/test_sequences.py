"""Random sequences of commands and edits, compared with a model of the tree."""

import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ltscaffold.errors import EditLossError, ScaffoldError
from ltscaffold.record.answers import Answers, Component
from ltscaffold.templating import source
from ltscaffold.templating.render import render
from tests.helpers.projects import add, new_project, new_task, remove, rename, undo
from tests.helpers.tree import tree

SEQUENCES = int(os.environ.get("LTSCAFFOLD_SEQUENCES", "12"))
"""How many to try; 500 with `make sweep`."""

NAMES = ["ann", "bob_too", "cyd"]
BASES = st.sampled_from(["language_modeling", "text_classification"])
PARTS = ["hooks/setup", "hooks/training_step", "recipes/weight_noise"]
KINDS = ("hooks", "recipes")
MODELS = {
    "language_modeling": "Causal language model",
    "text_classification": "Text classification model",
}


@dataclass(frozen=True)
class Task:
    """The model of a task: its component, and the docstring that a user gave its class."""

    base: str
    fragments: tuple[str, ...]
    edit: str | None = None


State = dict[str, Task]


class Commands(RuleBasedStateMachine):
    """A project, its model, and the model's states before each command that can be undone."""

    @initialize()
    def start(self) -> None:
        self.project = Path(tempfile.mkdtemp())
        new_project(self.project)
        self.state: State = {}
        self.past: list[tuple[State, set[str]]] = []
        """The state before a command, and the tasks whose files the command created."""

    def teardown(self) -> None:
        self.what_cannot_be_is_refused()
        self.the_tree_is_the_models()
        shutil.rmtree(self.project)

    def what_cannot_be_is_refused(self) -> None:
        for name, task in self.state.items():
            self.refuses(new_task, self.project, name, "language_modeling")
            self.refuses(rename, self.project, name, name)
            for fragment in task.fragments:
                self.refuses(add, self.project, name, *sorted_out([fragment]))
        for name in self.free:
            self.refuses(add, self.project, name, ["setup"])
            self.refuses(remove, self.project, name)

    def did(self, after: State, created: set[str]) -> None:
        self.past.append((self.state, created))
        self.state = after

    @property
    def free(self) -> list[str]:
        return [name for name in NAMES if name not in self.state]

    @precondition(lambda self: self.free)
    @rule(
        data=st.data(),
        base=BASES,
        fragments=st.lists(st.sampled_from(PARTS), unique=True, max_size=2),
    )
    def new(self, data: st.DataObject, base: str, fragments: list[str]) -> None:
        name = data.draw(st.sampled_from(self.free))
        new_task(self.project, name, base, *sorted_out(fragments))
        ordered = sorted(fragments, key=lambda fragment: fragment.startswith("hooks/"))
        self.did(self.state | {name: Task(base, tuple(ordered))}, {name})

    @property
    def missing(self) -> list[tuple[str, str]]:
        return [
            (name, fragment)
            for name in self.state
            for fragment in PARTS
            if fragment not in self.state[name].fragments
        ]

    @precondition(lambda self: self.missing)
    @rule(data=st.data())
    def add(self, data: st.DataObject) -> None:
        name, fragment = data.draw(st.sampled_from(self.missing))
        assert not add(self.project, name, *sorted_out([fragment])).conflicts
        task = self.state[name]
        self.did(self.state | {name: replace(task, fragments=(*task.fragments, fragment))}, set())

    @precondition(lambda self: self.state)
    @rule(data=st.data(), force=st.booleans())
    def remove(self, data: st.DataObject, force: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.state)))
        if self.state[name].edit and not force:
            self.refuses(remove, self.project, name, force)
            return
        remove(self.project, name, force)
        self.did({other: task for other, task in self.state.items() if other != name}, set())

    @precondition(lambda self: self.state and self.free)
    @rule(data=st.data())
    def rename(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.state)))
        new_name = data.draw(st.sampled_from(self.free))
        rename(self.project, name, new_name)
        others = {other: task for other, task in self.state.items() if other != name}
        self.did(others | {new_name: self.state[name]}, {new_name})

    @precondition(lambda self: self.state)
    @rule(data=st.data(), words=st.sampled_from(["Mine.", "Ours."]))
    def edit(self, data: st.DataObject, words: str) -> None:
        """The user changes a file, without a command."""
        name = data.draw(st.sampled_from(sorted(self.state)))
        task, model = self.state[name], self.project / f"tasks/{name}/model.py"
        edited = replace(task, edit=words)
        model.write_text(model.read_text().replace(docstring(task), docstring(edited)))
        self.state = self.state | {name: edited}

    @precondition(lambda self: self.past)
    @rule()
    def undo(self) -> None:
        before, created = self.past[-1]
        if any(self.state[name].edit != self.written.get(name) for name in created):
            self.refuses(undo, self.project)
            return
        try:
            undo(self.project)
        except EditLossError:  # an edit of the docstring, which `add` changed or stands below
            assert any(task.edit for task in self.state.values())
            return
        self.past.pop()
        kept = {name: task.edit for name, task in self.state.items() if name in before}
        self.state = {
            name: replace(task, edit=kept.get(name, task.edit)) for name, task in before.items()
        }

    @property
    def written(self) -> dict[str, str | None]:
        """The edits that the files held which the last command created."""
        before, created = self.past[-1]
        gone = [task for name, task in before.items() if name not in self.state]
        moved = gone[0].edit if gone else None
        return {name: moved if name not in before else before[name].edit for name in created}

    def refuses(self, command: object, *arguments: object) -> None:
        assert callable(command)
        with pytest.raises(ScaffoldError):
            command(*arguments)

    @invariant()
    def the_tree_is_the_models(self) -> None:
        version = source.versions(source.SOURCE_URL)[-1]
        components = [
            Component("task", name, "nlp", task.base, list(task.fragments), version)
            for name, task in self.state.items()
        ]
        answers = Answers(version, source.SOURCE_URL, "tasks", components)
        expected = render(source.checkout(source.SOURCE_URL, version), answers)
        for name, task in self.state.items():
            path = f"tasks/{name}/model.py"
            plain = replace(task, edit=None)
            expected[path] = expected[path].replace(docstring(plain), docstring(task))
        assert tree(self.project) == {path: text.encode() for path, text in expected.items()}


def sorted_out(fragments: list[str]) -> tuple[list[str], list[str]]:
    """Return the names of hooks and of recipes."""
    names = [fragment.split("/") for fragment in fragments]
    hooks, recipes = ([name for kind, name in names if kind == wanted] for wanted in KINDS)
    return hooks, recipes


def docstring(task: Task) -> str:
    noise = " with weight noise" * ("recipes/weight_noise" in task.fragments)
    return f'    """{task.edit or f"{MODELS[task.base]}{noise}."}"""'


TestCommands = Commands.TestCase
TestCommands.settings = settings(
    max_examples=SEQUENCES,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
