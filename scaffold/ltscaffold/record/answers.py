"""The record of a project, `.copier-answers.yml`: template source and version, components."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path

import yaml

from ltscaffold.errors import ScaffoldError, unknown
from ltscaffold.record.component_types import COMPONENT_TYPES
from ltscaffold.record.names import SNAKE_CASE

ANSWERS_FILE = ".copier-answers.yml"
PROJECT_FRAGMENTS = ".ltscaffold/templates"
"""Folder of a project with the template fragments that override the originals."""
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The C loader if PyYAML has it: without it, a record of 1000 components takes a second."""
VERSION_LINE = re.compile(r"^_commit: *[\"']?([^\s\"']+)", re.MULTILINE)
KEYS = {"_commit", "_src_path", "lts_package", "lts_items"}
OWN_FILES = "lts_own"
"""The key, and the variable of templates, of the files that the user keeps."""
NEWER_KEYS = {"lts_runtime", OWN_FILES}
"""Keys that templates before 2.0.0 do not write: the oldest runtime, which the runtime reads."""
COMPONENT_KEYS = ("kind", "name", "group", "base", "parts", "v", "folder", "project", "requirement")
"""The fields of `Component`, in order, as the record, templates and JSON name them."""
OPTIONAL_KEYS = ("folder", "project", "requirement")
"""Those of them that are recorded only if they are not empty."""
LISTS = ("parts", OWN_FILES)
"""The keys whose values are lists of strings."""
FOLDERS = "lts_folders"
"""The variable of templates that lists these folders."""
CONFLICT = re.compile(r"^(<{7}|[|]{7}|={7}|>{7}) ?", re.MULTILINE)


@dataclass(frozen=True)
class Component:
    """A generated task, dataset, callback or shell.

    Attributes:
        type: a key of `COMPONENT_TYPES`.
        name: name of its module, config and test.
        group: its config group, such as `nlp`; empty for a callback.
        base: the task that it is based on, of the runtime or of the project; of a dataset the task
            that it is for, of a callback `CALLBACK_BASE`, of a shell `SHELL_BASE`.
        fragments: its hooks and recipes as template fragments, such as `hooks/setup` or
            `recipes/lora`, in the order they were added.
        template_version: the version of the templates that rendered it.
        folder: the folder of the package that holds its module; empty: a package of its own.
        project: the name of the project, in the shell that states it.
        requirement: the ltscaffold to install, as pip takes it, in a shell that names it.
    """

    type: str
    name: str
    group: str
    base: str
    fragments: list[str]
    template_version: str
    folder: str = ""
    project: str = ""
    requirement: str = ""

    @property
    def module(self) -> str:
        """The path of the module below the package of the components, such as `callbacks.mine`."""
        return ".".join(filter(None, (self.folder, self.name)))

    @property
    def has_code(self) -> bool:
        """Whether it has code and a config; a part of the shell has neither."""
        return bool(COMPONENT_TYPES[self.type].option)


Fields = dict[str, object]
"""A component, or a mapping of Copier's, as templates see it."""
Variables = dict[str, str | Fields | list[Fields] | list[str]]
"""The variables of templates by name."""


@dataclass(frozen=True)
class Answers:
    """The content of the record.

    Attributes:
        version: version of the templates.
        source: URL of the templates.
        package: the folder of the components.
        components: all components of the project.
        project_fragments: the project's folder of template fragments; not recorded.
        versions: every recorded version; more than one after a merge of branches.
        own: files of the skeleton that the user had before, which stay out of updates.
    """

    version: str
    source: str
    package: str
    components: list[Component] = field(default_factory=list)
    project_fragments: Path | None = field(default=None, compare=False)
    versions: Sequence[str] = field(default=(), compare=False)
    own: Sequence[str] = ()

    @property
    def template_versions(self) -> set[str]:
        """The versions of the project and of its components."""
        return {self.version, *(component.template_version for component in self.components)}

    def component(self, name: str) -> Component:
        """Return a component by its name; raises ScaffoldError if there is none."""
        if name not in self._by_name:
            raise unknown("component", name, self._by_name, "see `ltscaffold list components`")
        return self._by_name[name]

    def not_in(self, other: "Answers") -> list[Component]:
        """Return the components that another record does not have, or has with other values."""
        known: dict[str, list[Component]] = {}
        for each in other.components:
            known.setdefault(each.name, []).append(each)
        return [each for each in self.components if each not in known.get(each.name, ())]

    def with_replaced(self, component: Component, *others: Component) -> "Answers":
        """Return these answers with a component replaced, at its place in the list.

        Args:
            component: the component as recorded.
            others: its replacements; none: it is removed.
        """
        kept = [(others if each == component else (each,)) for each in self.components]
        return replace(self, components=[*chain.from_iterable(kept)])

    def ancestors(self, base: str) -> list[Component]:
        """Return the tasks of the project that a component inherits from, the nearest first.

        Args:
            base: the base of the component; of a base of the runtime, nothing is returned.
        """
        found = list[Component]()
        while base in self._by_name and self._by_name[base] not in found:
            found.append(self._by_name[base])
            base = found[-1].base
        return found

    def variables(self, only: Sequence[Component] | None = None) -> Variables:
        """Return the variables of templates, under the names that Copier gives them.

        Args:
            only: the components that template paths loop over; by default all.
        """
        variables: Variables = {
            "_copier_answers": {"_commit": self.version, "_src_path": self.source},
            "_copier_conf": {"answers_file": ANSWERS_FILE},
            "lts_package": self.package,
            OWN_FILES: [*self.own],
            "lts_items": [*map(to_record, self.components)],
            "lts_bases": {each.name: each.base for each in self.components},
            FOLDERS: sorted({each.folder for each in self.components if each.folder}),
        }
        looped = self.components if only is None else only
        for name, component_type in COMPONENT_TYPES.items():
            records = [to_record(each) for each in looped if each.type == name]
            variables[component_type.loop_variable] = records
        return variables

    def is_taken(self, component: Component, path: str, class_name: str) -> bool:
        """Return whether a class, or the module at a path, is that of another component."""
        owners = self._owners.get(class_name, set()) - {component.name}
        # Branches may have made two components of one name, each in its layout.
        return bool(owners or self._layouts.get(path, set()) - {component.folder})

    @cached_property
    def _owners(self) -> dict[str, set[str]]:
        """The names of the components by the name of their class."""
        owners: dict[str, set[str]] = {}
        for each in self.components:
            class_name = COMPONENT_TYPES[each.type].class_name(each.name)
            owners.setdefault(class_name, set()).add(each.name)
        return owners

    @cached_property
    def _layouts(self) -> dict[str, set[str]]:
        """The folders of the components by the path of their module."""
        layouts: dict[str, set[str]] = {}
        for each in self.components:
            path = f"{self.package}/{each.module.replace('.', '/')}.py"
            layouts.setdefault(path, set()).add(each.folder)
        return layouts

    @cached_property
    def _by_name(self) -> dict[str, Component]:
        return {component.name: component for component in self.components}


def to_record(component: Component) -> Fields:
    """Return a component under the keys of the record, of template variables and of JSON."""
    values = {**vars(component), "fragments": [*component.fragments]}.values()
    fields = zip(COMPONENT_KEYS, values, strict=True)
    return {key: value for key, value in fields if value or key not in OPTIONAL_KEYS}


def read_answers(project: Path) -> Answers | None:
    """Return the record of a project, or None if it has none.

    Args:
        project: the folder of the project.

    Raises:
        ScaffoldError: if the record is damaged, has conflict markers, needs a newer ltscaffold, or
            was written by Copier for other templates.
    """
    path = project / ANSWERS_FILE
    if not path.exists():
        return None
    try:
        return _parse(path)
    except (yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ScaffoldError(
            f"{path} is damaged ({reason}); restore it, for example with "
            f"git checkout -- {ANSWERS_FILE}"
        ) from None


def read_project(project: Path) -> Answers:
    """Return the record of a project.

    Raises:
        ScaffoldError: if the folder or the record is missing or damaged, or a component or the
            version is recorded twice after a merge of branches.
    """
    answers = read_with_duplicates(project)
    check_no_duplicates(answers)
    return answers


def read_with_duplicates(project: Path) -> Answers:
    """Return the record of a project; after a merge of branches, a component may occur twice.

    Raises:
        ScaffoldError: if there is no record, or it is damaged.
    """
    if not project.is_dir():
        raise ScaffoldError(f"the folder {project} does not exist; give another with --project")
    answers = read_answers(project)
    if answers is None:
        raise ScaffoldError(
            f"{project.resolve()} is not a project of ltscaffold (it has no {ANSWERS_FILE}); "
            "give the folder of one with --project"
        )
    return answers


def check_no_duplicates(answers: Answers) -> None:
    """Check a record after a merge of branches.

    Raises:
        ScaffoldError: if a component or the version is recorded twice.
    """
    counts = Counter(component.name for component in answers.components)
    duplicates = ["_commit"] * (len(answers.versions) > 1)
    duplicates += sorted(name for name, count in counts.items() if count > 1)
    if duplicates:
        raise ScaffoldError(
            f"{ANSWERS_FILE} names {', '.join(duplicates)} twice (merged branches?); "
            "run `ltscaffold update` to reconcile them"
        )


def _parse(path: Path) -> Answers:
    text = path.read_text(encoding="utf-8")
    if CONFLICT.search(text):
        raise ScaffoldError(
            f"{path} has conflict markers; delete the lines that start with <<<<<<<, |||||||, "
            "======= or >>>>>>>, keep all others, and run `ltscaffold update`"
        )
    recorded = yaml.load(text, LOADER)
    if "_src_path" in recorded and "lts_items" not in recorded:
        raise ScaffoldError(
            f"{path} belongs to another template ({recorded['_src_path']}); "
            "give another folder with --project"
        )
    keys, records = set(recorded), recorded.get("lts_items", [])
    required = {*COMPONENT_KEYS}.difference(OPTIONAL_KEYS)
    if missing := KEYS - keys | {key for each in records for key in required - {*each}}:
        raise ValueError(f"it lacks {', '.join(sorted(missing))}")
    known = KEYS | NEWER_KEYS
    if unknown_keys := keys - known | {key for each in records for key in each} - {*COMPONENT_KEYS}:
        raise ScaffoldError(
            f"{ANSWERS_FILE} has keys that this ltscaffold does not know "
            f"({', '.join(sorted(unknown_keys))}); delete them, or pip install --upgrade ltscaffold"
        )
    for record in ({**recorded, "lts_items": ""}, *records):
        _check_texts(record)
    components = [Component(*(each.get(key, "") for key in COMPONENT_KEYS)) for each in records]
    package = recorded["lts_package"]
    for component in components:
        if component.type not in COMPONENT_TYPES:
            raise ScaffoldError(
                f"{path} has the component type {component.type!r}, which this ltscaffold does not "
                "know; correct it, or pip install --upgrade ltscaffold"
            )
    names = [name for each in components for name in (each.name, each.folder) if name]
    for name in (package, *names):
        if not SNAKE_CASE.fullmatch(name):
            raise ValueError(f"{name!r} is not a name that ltscaffold gives")
    project_fragments = path.parent.resolve() / PROJECT_FRAGMENTS
    versions = list(dict.fromkeys(VERSION_LINE.findall(text)))
    return Answers(
        recorded["_commit"],
        recorded["_src_path"],
        package,
        components,
        project_fragments,
        versions,
        recorded.get(OWN_FILES, []),
    )


def _check_texts(record: dict[str, object]) -> None:
    """Check the types of a record's values: strings, or lists of strings for `LISTS`.

    Raises:
        ValueError: for the first value of another type.
    """
    for key, value in record.items():
        if key in LISTS:
            right = isinstance(value, list) and all(isinstance(part, str) for part in value)
        else:
            right = isinstance(value, str)
        if not right:
            expected = "a list of strings" if key in LISTS else "a string"
            raise ValueError(f"{key!r} is {value!r}, not {expected}")
