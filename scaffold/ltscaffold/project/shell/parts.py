"""The parts of a shell that a project gets, and the files of the user in their place."""

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ltscaffold.errors import ScaffoldError
from ltscaffold.project.components import SKIP_IF_EXISTS, component_files, skeleton_files
from ltscaffold.project.merge_files import is_edited
from ltscaffold.project.shell.installation import (
    PACKAGE,
    installed_requirement,
    installed_version,
    is_installed,
    is_newer,
    note_on_origin,
)
from ltscaffold.project.validation import check_version
from ltscaffold.record.answers import Answers, Component
from ltscaffold.record.component_types import SHELL, SHELL_BASE
from ltscaffold.record.names import TRAINING_STACK
from ltscaffold.templating.catalog import Catalog, read_catalog


def new_project_answers(
    project: Path, initial: Answers, shell: Sequence[str] | None, adopt: bool, component: str = ""
) -> tuple[Answers, list[str]]:
    """Return the record of a new project with its shell, and notes on the files that exist.

    Args:
        project: the folder of the project, which need not exist.
        initial: the record without components.
        shell: the parts; None: the default ones of which no file exists.
        adopt: whether files of the skeleton that exist count as edited ones; else they stay out of
            updates.
        component: the name of the first component, which no default part may have.

    Raises:
        ScaffoldError: if a part does not exist.
    """
    own = [] if adopt else own_files(project, initial)
    kept = [
        f"{path}: yours stays, and updates leave it alone; if you need the generated one, "
        "`ltscaffold undo`, move yours and repeat; with --adopt, updates merge into yours"
        for path in own
    ]
    answers = replace(initial, own=own)
    omitted: list[str] = []
    if shell is not None:
        answers = with_parts(project, answers, shell)
    else:
        answers, omitted = _with_default_parts(project, answers, component)
    return answers, [*kept, *omitted, *note_on_origin(answers)]


def _with_default_parts(
    project: Path, answers: Answers, component: str
) -> tuple[Answers, list[str]]:
    """Return answers with the default parts, and a note for each that is left out.

    Args:
        project: the folder of the project.
        answers: the record of the project.
        component: the name of the first component.
    """
    catalog, notes = read_catalog(answers), []
    wanted = ("always", "root") if (project / ".git").exists() else ("always",)
    entries = {name: catalog.entry(SHELL.name, name) for name in catalog.names(SHELL.name)}
    for name, entry in sorted(entries.items(), key=lambda each: len(each[1]["needs"])):
        known = {each.name for each in answers.components}
        if entry["default"] not in wanted or not known.issuperset(entry["needs"]):
            continue
        if name == component:
            notes.append(
                f"the part {name} of the shell is left out, since '{name}' has its name; after "
                f"`ltscaffold rename {name} my_{name}`, `ltscaffold add-shell {name}` adds it"
            )
            continue
        part = _part(project, catalog, answers, name)
        taken = [
            path
            for path in component_files(project, answers, part)
            if os.path.lexists(project / path)
        ]
        if taken:
            notes.append(
                f"{', '.join(taken)}: yours stays, without the part {name} of the shell; after "
                f"`ltscaffold add-shell {name} --adopt`, updates merge into yours"
            )
        else:
            answers = replace(answers, components=[*answers.components, part])
    return answers, notes


def with_parts(project: Path, answers: Answers, names: Sequence[str]) -> Answers:
    """Return answers with parts of the shell, and with the parts that those need.

    Args:
        project: the folder of the project, which need not exist.
        answers: the record of the project.
        names: the parts; one that the project has already is left as it is.

    Raises:
        ScaffoldError: if a part does not exist, or its name is taken.
    """
    if names:
        check_version(answers, SHELL.since, "a shell")
    catalog = read_catalog(answers)
    for name in names:
        needed = catalog.entry(SHELL.name, name)["needs"]
        known = {each.name: each.type for each in answers.components}
        if known.get(name, SHELL.name) != SHELL.name:
            raise ScaffoldError(
                f"this project has a {known[name]} '{name}'; rename it to add the part '{name}'"
            )
        answers = with_parts(project, answers, needed)
        if name not in known:
            part = _part(project, catalog, answers, name)
            answers = replace(answers, components=[*answers.components, part])
    return answers


def _part(project: Path, catalog: Catalog, answers: Answers, name: str) -> Component:
    """Return a new part, with the values that its template fragment asks to record."""
    values = {"project": project_name(project), "requirement": installed_requirement()}
    recorded = {key: values[key] for key in catalog.entry(SHELL.name, name)["records"]}
    return Component(SHELL.name, name, "", SHELL_BASE, [], answers.version, **recorded)


def project_name(project: Path) -> str:
    """Return the name of a project as Python packages are named, from that of its folder."""
    name = re.sub(r"[^a-z0-9]+", "-", project.resolve().name.lower()).strip("-") or "project"
    # A project that has the name of a dependency would depend on itself.
    is_dependency = name.replace("-", "_") in (PACKAGE, *TRAINING_STACK)
    return f"my-{name}" if is_dependency else name


def parts_that_need(catalog: Catalog, answers: Answers, part: Component) -> list[str]:
    """Return the names of the parts of a project that need a part."""
    return [
        each.name
        for each in answers.components
        if each.type == SHELL.name and part.name in catalog.entry(SHELL.name, each.name)["needs"]
    ]


def with_installed_requirement(
    answers: Answers, names: Sequence[str] = ()
) -> tuple[Answers, list[str]]:
    """Return answers whose parts name the installed ltscaffold, if they name one it is not.

    A later version than the installed one stays.

    Args:
        answers: the record of the project.
        names: the components to change; empty: all.

    Returns:
        The answers, and a note on each requirement that changes, or that stays.
    """
    installed = installed_requirement()
    components, notes = list(answers.components), []
    for number, each in enumerate(components):
        former = each.requirement
        if not former or (names and each.name not in names) or is_installed(former):
            continue
        if is_newer(former):
            notes.append(
                f"the project keeps the requirement {former}, which is newer than the installed "
                f"ltscaffold {installed_version()}; install it"
            )
        else:
            components[number] = replace(each, requirement=installed)
            notes.append(f"the project now requires {installed}, in place of {former}")
    updated = replace(answers, components=components)
    local = [note for note in note_on_origin(updated) if updated != answers]
    return updated, [*dict.fromkeys(notes), *local]


def own_files(project: Path, answers: Answers) -> list[str]:
    """Return the files of the skeleton that the user has already, with another content.

    Args:
        project: the folder of the project, which need not exist.
        answers: the record of the project.
    """
    files = skeleton_files(answers)
    return sorted(
        path
        for path, text in files.items()
        if path not in SKIP_IF_EXISTS and is_edited(project, path, text)
    )
