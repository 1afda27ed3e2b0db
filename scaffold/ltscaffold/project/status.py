"""`ltscaffold status`: what was generated, and what became of it."""

from dataclasses import dataclass
from pathlib import Path

from ltscaffold.project.components import component_files
from ltscaffold.project.merge_files import is_edited
from ltscaffold.project.project_fragments import ejected_fragments
from ltscaffold.project.stubs import Stub, unimplemented_stubs
from ltscaffold.record.answers import Component, read_project
from ltscaffold.record.component_types import COMPONENT_TYPES
from ltscaffold.templating import source
from ltscaffold.writing.plan import read


@dataclass(frozen=True)
class ComponentStatus:
    """A component with the state of each of its files, and its stubs that were not filled in.

    Attributes:
        component: as it was recorded.
        files: "unchanged", "edited" or "missing" by path.
        stubs: methods that are as they were generated.
    """

    component: Component
    files: dict[str, str]
    stubs: list[Stub]


@dataclass(frozen=True)
class Status:
    """What a project is made of.

    Attributes:
        version: of its templates.
        newest: the newest version there is.
        components: what was generated.
        ejected: template fragments that the project has for its own.
    """

    version: str
    newest: str
    components: list[ComponentStatus]
    ejected: list[str]


def status(project: Path) -> Status:
    """Return what was generated into a project; raises ScaffoldError if there is none."""
    answers = read_project(project)
    components = [
        _status(project, component, component_files(answers, component))
        for component in answers.components
    ]
    return Status(
        answers.version, source.versions(answers.source)[-1], components, ejected_fragments(project)
    )


def _status(project: Path, component: Component, files: dict[str, str]) -> ComponentStatus:
    states = {path: _state(project, path, text) for path, text in files.items()}
    folder = f"{COMPONENT_TYPES[component.type].hooks}/"
    hooks = [
        fragment.removeprefix(folder)
        for fragment in component.fragments
        if fragment.startswith(folder)
    ]
    stubs = [
        stub
        for path, text in files.items()
        if path.endswith(".py")
        for stub in unimplemented_stubs(path, read(project, path), text, hooks)
    ]
    return ComponentStatus(component, states, stubs)


def _state(project: Path, path: str, text: str) -> str:
    if read(project, path) is None:
        return "missing"
    return "edited" if is_edited(project, path, text) else "unchanged"
