"""`ltscaffold status`: what was generated, and what became of it."""

from dataclasses import dataclass
from pathlib import Path

from ltscaffold.project.components import item_files
from ltscaffold.project.merge_files import is_edited
from ltscaffold.project.own_partials import ejected
from ltscaffold.project.stubs import Stub, unfilled
from ltscaffold.record.answers import Item, read_project
from ltscaffold.record.component_types import COMPONENT_TYPES
from ltscaffold.templating import source
from ltscaffold.writing.plan import read


@dataclass(frozen=True)
class ItemStatus:
    """An item with the state of each of its files, and its stubs that were not filled in.

    Attributes:
        item: as it was recorded.
        files: "unchanged", "edited" or "missing" by path.
        stubs: methods that are as they were generated.
    """

    item: Item
    files: dict[str, str]
    stubs: list[Stub]


@dataclass(frozen=True)
class Status:
    """What a project is made of.

    Attributes:
        version: of its templates.
        newest: the newest version there is.
        items: what was generated.
        ejected: partials of the templates that the project has for its own.
    """

    version: str
    newest: str
    items: list[ItemStatus]
    ejected: list[str]


def status(project: Path) -> Status:
    """Return what was generated into a project; raises ScaffoldError if there is none."""
    answers = read_project(project)
    items = [_status(project, item, item_files(answers, item)) for item in answers.items]
    return Status(answers.version, source.versions(answers.source)[-1], items, ejected(project))


def _status(project: Path, item: Item, files: dict[str, str]) -> ItemStatus:
    states = {path: _state(project, path, text) for path, text in files.items()}
    folder = f"{COMPONENT_TYPES[item.kind].hooks}/"
    hooks = [part.removeprefix(folder) for part in item.parts if part.startswith(folder)]
    stubs = [
        stub
        for path, text in files.items()
        if path.endswith(".py")
        for stub in unfilled(path, read(project, path), text, hooks)
    ]
    return ItemStatus(item, states, stubs)


def _state(project: Path, path: str, text: str) -> str:
    if read(project, path) is None:
        return "missing"
    return "edited" if is_edited(project, path, text) else "unchanged"
