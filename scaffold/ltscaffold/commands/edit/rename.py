"""`ltscaffold rename`: rename a component in its files and in the project's configs."""

import re
from collections.abc import Container, Iterator
from dataclasses import replace
from pathlib import Path

from ltscaffold.project.components import answers_text, component_files, config_option
from ltscaffold.project.merge_files import is_edited
from ltscaffold.project.validation import check_new_name
from ltscaffold.record.answers import ANSWERS_FILE, Answers, Component, read_project
from ltscaffold.record.component_types import COMPONENT_TYPES
from ltscaffold.templating.catalog import read_catalog
from ltscaffold.templating.render import Files
from ltscaffold.writing.plan import Plan, check_not_taken, compute_changes, read

Patterns = dict[str, str]
"""Regular expressions of the names of a component, each with its replacement."""


def plan_rename(project: Path, name: str, new_name: str) -> Plan:
    """Plan to rename a component: its module, class, config and test; edits are kept.

    References in other configs are renamed too; those in other Python files are listed as notes.

    Args:
        project: the folder of the project.
        name: the component.
        new_name: its new name.

    Raises:
        ScaffoldError: if the component does not exist, or the new name is not valid.
    """
    answers = read_project(project)
    component = answers.component(name)
    check_new_name(read_catalog(answers), answers, COMPONENT_TYPES[component.type], new_name)
    renamed = replace(component, name=new_name)
    new = renamed_answers(answers, component, renamed)
    patterns = code_patterns(answers, component, renamed) | config_patterns(component, renamed)
    contents: dict[str, bytes | None] = {ANSWERS_FILE: answers_text(new).encode()}
    for one, other in zip(answers.components, new.components, strict=True):
        if one != other:
            old_files, new_files = component_files(answers, one), component_files(new, other)
            contents |= renamed_contents(project, old_files, new_files, patterns)
    for path in other_files(project, "conf/**/*.yaml", contents):
        contents[path] = substitute_names(read(project, path), patterns)
    changes = compute_changes(project, contents)
    notes = [*stale_references(project, contents, patterns)]
    return Plan(f"rename {name} {new_name}", changes, notes=notes)


def renamed_contents(
    project: Path, old_files: Files, new_files: Files, patterns: Patterns
) -> dict[str, bytes | None]:
    """Return the contents of a component's files under new names and paths.

    An edited file keeps its lines; only the names in them are substituted.

    Args:
        project: the folder of the project.
        old_files: the rendered files with the old name.
        new_files: the rendered files with the new name, in the same order.
        patterns: the substitutions.
    """
    check_not_taken(project, new_files.keys() - old_files.keys())
    contents: dict[str, bytes | None] = {}
    for (old_path, before), (path, after) in zip(old_files.items(), new_files.items(), strict=True):
        ours = read(project, old_path)
        contents[old_path] = None
        if is_edited(project, old_path, before):
            contents[path] = substitute_names(ours, patterns)
        else:
            contents[path] = None if ours is None else after.encode()
    return contents


def renamed_answers(answers: Answers, component: Component, renamed: Component) -> Answers:
    """Return answers in which a component is renamed, also as the base of others."""
    for other in answers.components:
        if other.base == component.name:
            answers = answers.with_replaced(other, replace(other, base=renamed.name))
    return answers.with_replaced(component, renamed)


def code_patterns(answers: Answers, component: Component, renamed: Component) -> Patterns:
    """Return the patterns of module, classes and docstrings."""
    owner = COMPONENT_TYPES[component.type]
    old, new = (owner.class_name(c.name).removesuffix(owner.suffix) for c in (component, renamed))
    return {
        rf"\b(Test)?{old}({owner.suffix})?\b": rf"\g<1>{new}\g<2>",
        rf"\b{answers.package}\.{component.module}\b": f"{answers.package}.{renamed.module}",
        rf"\b([Tt]he) {component.name} ({component.type})\b": rf"\g<1> {renamed.name} \g<2>",
        rf"\b({component.type}) `{component.name}`": rf"\g<1> `{renamed.name}`",
    }


def config_patterns(component: Component, renamed: Component) -> Patterns:
    """Return the patterns of the option in its config group, such as `nlp/my_task`."""
    return {
        pattern.replace("OPTION", config_option(component)): rf"\g<1>{config_option(renamed)}"
        for pattern in COMPONENT_TYPES[component.type].references
    }


def substitute_names(content: bytes | None, patterns: Patterns) -> bytes | None:
    """Return a file's content with the patterns replaced."""
    if content is None:
        return None
    text = content.decode("utf-8", "surrogateescape")
    for pattern, replacement in patterns.items():
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    return text.encode("utf-8", "surrogateescape")


def other_files(project: Path, glob: str, known: Container[str]) -> Iterator[str]:
    """Yield the files of a project that match a glob, without known and hidden ones."""
    for path in sorted(project.glob(glob)):
        relative = path.relative_to(project)
        hidden = any(part.startswith(".") for part in relative.parts)
        if path.is_file() and not hidden and relative.as_posix() not in known:
            yield relative.as_posix()


def stale_references(project: Path, known: Container[str], patterns: Patterns) -> Iterator[str]:
    """Yield a note for each line of another Python file that has the old name."""
    for path in other_files(project, "**/*.py", known):
        lines = (read(project, path) or b"").decode("utf-8", "replace").splitlines()
        for number, line in enumerate(lines, 1):
            if any(re.search(pattern, line) for pattern in patterns):
                yield f"{path}:{number}: still has the old name"
