"""`ltscaffold status`: the components of a project, with their edits and stubs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ltscaffold.project.components import files_of_each
from ltscaffold.project.merge_files import is_edited
from ltscaffold.project.project_fragments import ejected_fragments
from ltscaffold.project.stubs import Stub, find_stubs
from ltscaffold.record.answers import Answers, Component, read_project
from ltscaffold.record.component_types import COMPONENT_TYPES
from ltscaffold.templating import source
from ltscaffold.templating.render import Files
from ltscaffold.writing.plan import consistent_reads, read

FileState = Literal["unchanged", "edited", "missing"]


@dataclass(frozen=True)
class ComponentStatus:
    """A component with the state of its files and its unimplemented stubs.

    Attributes:
        component: the component as recorded.
        files: state of each file by path.
        stubs: methods whose body is still as generated.
        rendered: the files as generated.
    """

    component: Component
    files: dict[str, FileState]
    stubs: list[Stub]
    rendered: Files


@dataclass(frozen=True)
class Status:
    """The state of a project.

    Attributes:
        version: the template version of the project.
        newest: the latest version of the templates.
        components: all components.
        ejected: template fragments that the project overrides.
    """

    version: str
    newest: str
    components: list[ComponentStatus]
    ejected: list[str]


@consistent_reads()
def status(project: Path) -> Status:
    """Return the state of a project.

    Raises:
        ScaffoldError: if the folder has no project.
    """
    answers = read_project(project)
    components = component_states(project, answers)
    newest = source.versions(answers.source)[-1]
    return Status(answers.version, newest, components, ejected_fragments(project))


def component_states(project: Path, answers: Answers) -> list[ComponentStatus]:
    """Return the state of each component."""
    rendered = files_of_each(project, answers, answers.components)
    return [
        _status(project, component, files)
        for component, files in zip(answers.components, rendered, strict=True)
    ]


def _status(project: Path, component: Component, files: Files) -> ComponentStatus:
    states = {path: _state(project, path, text) for path, text in files.items()}
    folder = f"{COMPONENT_TYPES[component.type].hooks}/"
    fragments = [each for each in component.fragments if each.startswith(folder)]
    hooks = [fragment.removeprefix(folder) for fragment in fragments]
    stubs = [
        stub
        for path, text in files.items()
        if path.endswith(".py")
        for stub in find_stubs(path, read(project, path), text, hooks)
    ]
    return ComponentStatus(component, states, stubs, files)


def _state(project: Path, path: str, text: str) -> FileState:
    if read(project, path) is None:
        return "missing"
    return "edited" if is_edited(project, path, text) else "unchanged"
