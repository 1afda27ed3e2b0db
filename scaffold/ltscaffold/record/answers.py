"""The record of what was generated into a project: `.copier-answers.yml`."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from ltscaffold.errors import ScaffoldError, unknown
from ltscaffold.record.component_types import COMPONENT_TYPES
from ltscaffold.record.names import SNAKE_CASE

ANSWERS_FILE = ".copier-answers.yml"
PROJECT_FRAGMENTS = ".ltscaffold/templates"
"""Folder of a project with fragments that it has for its own."""
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The C loader if PyYAML has it: without it, a record of 1000 components loads in a second."""
VERSION_LINE = re.compile(r"^_commit: *[\"']?([^\s\"']+)", re.MULTILINE)
KEYS = {"_commit", "_src_path", "lts_package", "lts_items"}
COMPONENT_KEYS = ("kind", "name", "group", "base", "parts", "v")
"""The fields of `Component`, in order, as files and programs name them."""
CONFLICT = re.compile(r"^(<{7}|={7}|>{7}) ?", re.MULTILINE)


@dataclass(frozen=True)
class Component:
    """A task, dataset or callback that was generated.

    Attributes:
        type: a key of `COMPONENT_TYPES`.
        name: its module, config and test.
        group: the config group within the kind's, such as `nlp`.
        base: the task that it is based on, of the runtime or of the project.
        fragments: its hooks and recipes, `hooks/<name>` and `recipes/<name>`, in the order they
            were added.
        template_version: the template version that it was rendered at.
    """

    type: str
    name: str
    group: str
    base: str
    fragments: list[str]
    template_version: str


Fields = dict[str, object]
"""A component, or what Copier knows, as templates see it."""
Variables = dict[str, str | Fields | list[Fields]]
"""What templates see, by name."""


@dataclass(frozen=True)
class Answers:
    """What a project records: the template source and version, the package folder, the components.

    Attributes:
        version: of the templates.
        source: URL of the templates.
        package: the folder of the components.
        components: what was generated.
        project_fragments: the project's folder of template fragments; not recorded.
        versions: every version on record; more than one where branches were merged.
    """

    version: str
    source: str
    package: str
    components: list[Component] = field(default_factory=list)
    project_fragments: Path | None = field(default=None, compare=False)
    versions: Sequence[str] = field(default=(), compare=False)

    def component(self, name: str) -> Component:
        """Return a component by its name; raises ScaffoldError if the project has none."""
        components = self._by_name()
        if name not in components:
            raise unknown("component", name, components, "ltscaffold list components")
        return components[name]

    def with_replaced(self, component: Component, *others: Component) -> "Answers":
        """Return these answers with other components, or none, in the place of one."""
        components = [
            new for old in self.components for new in (others if old == component else (old,))
        ]
        return replace(self, components=components)

    def ancestors(self, base: str) -> list[Component]:
        """Return the tasks from a base up to the runtime's; empty for a base of the runtime."""
        components, found = self._by_name(), list[Component]()
        while base in components and components[base] not in found:
            found.append(components[base])
            base = found[-1].base
        return found

    def variables(self, only: Sequence[Component] | None = None) -> Variables:
        """Return what templates see, under the names that Copier gives it.

        Args:
            only: the components that paths stand for, in place of all.
        """
        variables: Variables = {
            "_copier_answers": {"_commit": self.version, "_src_path": self.source},
            "_copier_conf": {"answers_file": ANSWERS_FILE},
            "lts_package": self.package,
            "lts_items": [to_record(component) for component in self.components],
        }
        for component_type in COMPONENT_TYPES.values():
            components = self.components if only is None else only
            variables[component_type.loop_variable] = [
                to_record(component)
                for component in components
                if component.type == component_type.name
            ]
        return variables

    def _by_name(self) -> dict[str, Component]:
        return {component.name: component for component in self.components}


def to_record(component: Component) -> Fields:
    """Return a component under the keys of the record, of template variables and of JSON."""
    return dict(zip(COMPONENT_KEYS, astuple(component), strict=True))


def from_record(record: Mapping[str, Any]) -> Component:
    """Return the component that `to_record` describes; raises KeyError if a key is missing."""
    return Component(*(record[key] for key in COMPONENT_KEYS))


def read_answers(project: Path) -> Answers | None:
    """Return what a project records, or None if nothing was generated into it yet.

    Raises:
        ScaffoldError: if the file is damaged, or another template's.
    """
    path = project / ANSWERS_FILE
    if not path.exists():
        return None
    try:
        return _parse(path)
    except (yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ScaffoldError(
            f"{path} is damaged ({reason}): restore it, for example with "
            f"git checkout -- {ANSWERS_FILE}"
        ) from None


def read_project(project: Path) -> Answers:
    """Return what a project records; raises ScaffoldError where there is none or two, too."""
    answers = read_with_duplicates(project)
    check_no_duplicates(answers)
    return answers


def read_with_duplicates(project: Path) -> Answers:
    """Return what a project records, be it as merged branches left it: some components twice.

    Raises:
        ScaffoldError: where there is no record, or a damaged one.
    """
    if not project.is_dir():
        raise ScaffoldError(f"there is no folder {project}: see --project")
    answers = read_answers(project)
    if answers is None:
        raise ScaffoldError(
            f"{project.resolve()} is no project of ltscaffold (it has no {ANSWERS_FILE}): "
            "see --project"
        )
    return answers


def check_no_duplicates(answers: Answers) -> None:
    """Raise ScaffoldError where merged branches left two lines for one thing."""
    counts = Counter(component.name for component in answers.components)
    duplicates = ["_commit"] * (len(answers.versions) > 1)
    duplicates += sorted(name for name, count in counts.items() if count > 1)
    if duplicates:
        raise ScaffoldError(
            f"{ANSWERS_FILE} names {', '.join(duplicates)} twice (merged branches?): "
            "`ltscaffold update` puts that right"
        )


def _parse(path: Path) -> Answers:
    text = path.read_text(encoding="utf-8")
    if CONFLICT.search(text):
        raise ScaffoldError(
            f"{path} has conflict markers: delete the lines with <<<<<<<, ======= and >>>>>>>, "
            "keep those between them, and run `ltscaffold update`"
        )
    recorded = yaml.load(text, LOADER)
    if "_src_path" in recorded and "lts_items" not in recorded:
        raise ScaffoldError(
            f"{path} belongs to another template ({recorded['_src_path']}): "
            "use another folder, see --project"
        )
    keys = set(recorded)
    if missing := KEYS - keys:
        raise ValueError(f"it lacks {', '.join(sorted(missing))}")
    unknown_keys = keys - KEYS | {
        key for component in recorded["lts_items"] for key in component
    } - set(COMPONENT_KEYS)
    if unknown_keys:
        raise ScaffoldError(
            f"{ANSWERS_FILE} has keys that this ltscaffold does not know "
            f"({', '.join(sorted(unknown_keys))}): delete them, or pip install --upgrade ltscaffold"
        )
    components, package = (
        [from_record(component) for component in recorded["lts_items"]],
        recorded["lts_package"],
    )
    for component in components:
        if component.type not in COMPONENT_TYPES:
            raise ValueError(
                f"{component.type!r} is no kind of component that this ltscaffold knows"
            )
    for name in (package, *(component.name for component in components)):
        if not SNAKE_CASE.fullmatch(name):
            raise ValueError(f"{name!r} is not a name that ltscaffold gives")
    project_fragments = path.parent.resolve() / PROJECT_FRAGMENTS
    versions = list(dict.fromkeys(VERSION_LINE.findall(text)))
    return Answers(
        recorded["_commit"], recorded["_src_path"], package, components, project_fragments, versions
    )
