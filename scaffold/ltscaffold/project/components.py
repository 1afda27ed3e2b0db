"""The files of components, and the plan that leads from one list of components to another."""

import ast
import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import yaml

from ltscaffold.project.merge_files import Strategy, is_edited, merge_files
from ltscaffold.project.python_code import parse_or_empty
from ltscaffold.record.answers import ANSWERS_FILE, LOADER, Answers, Component
from ltscaffold.record.component_types import CALLBACK, COMPONENT_TYPES
from ltscaffold.templating import source
from ltscaffold.templating.render import (
    Files,
    render_answers,
    render_components,
    render_skeleton,
)
from ltscaffold.writing.plan import (
    Plan,
    SourceLocation,
    check_not_taken,
    compute_changes,
    read,
)

SKIP_IF_EXISTS = (".gitattributes", ".gitignore")
"""Files of the skeleton that belong to the user once they exist (Copier's _skip_if_exists)."""

Adoption = Literal["unavailable", "offered", "chosen"]
"""Whether a command has the option --adopt, which keeps files that exist as edited ones, and
whether it is given."""


@dataclass(frozen=True)
class Moved:
    """A component's module that the user moved, or whose class the user renamed.

    Attributes:
        former: the path as generated.
        former_class: the name of the class as generated.
        path: the path of the module now.
        class_name: the name of the class now.
    """

    former: str
    former_class: str
    path: str
    class_name: str

    def applied(self, files: Files) -> Files:
        """Return rendered files as if the templates had the new path and name."""
        module, now = (p.removesuffix(".py").replace("/", ".") for p in (self.former, self.path))
        new_names = {module: now, self.former_class: self.class_name}
        names = re.compile(rf"\b({'|'.join(map(re.escape, new_names))})\b")
        return {
            self.path if path == self.former else path: names.sub(lambda m: new_names[m[0]], text)
            if any(name in text for name in new_names)
            else text
            for path, text in files.items()
        }


def component_files(project: Path, answers: Answers, *components: Component) -> Files:
    """Return the files of components, as `located_files` does."""
    return located_files(project, answers, *components)[0]


def files_of_each(project: Path, answers: Answers, components: Sequence[Component]) -> list[Files]:
    """Return the files of each component, as `located_files` does.

    Args:
        project: the folder of the project.
        answers: the record of the project.
        components: the components.
    """
    return _located(project, answers, components)[0]


def located_files(
    project: Path, answers: Answers, *components: Component
) -> tuple[Files, list[Moved]]:
    """Return the files of components, each rendered by the templates of its version.

    A module that the user moved has the path that the `_target_` of the component's config names.

    Args:
        project: the folder of the project.
        answers: the record of the project.
        components: the components.

    Returns:
        The files, and the modules that the user moved.

    Raises:
        ScaffoldError: if the templates of a version are not available, or have an error.
    """
    each, moved = _located(project, answers, components)
    return _joined(each), moved


def _located(
    project: Path, answers: Answers, components: Sequence[Component]
) -> tuple[list[Files], list[Moved]]:
    """Return the files of each component, and the modules that the user moved."""
    by_version: dict[str, list[int]] = {}
    for number, component in enumerate(components):
        by_version.setdefault(component.template_version, []).append(number)
    files = [Files()] * len(components)
    for version, numbers in sorted(by_version.items()):
        templates = source.checkout(answers.source, version)
        at_version = [components[number] for number in numbers]
        rendered = render_components(templates, answers, at_version)
        for number, each in zip(numbers, rendered, strict=True):
            files[number] = each
    every = _joined(files)
    found = [moved for c in components if (moved := find_moved(project, answers, c, every))]
    for moved in found:
        files = [moved.applied(each) for each in files]
        package_file = f"{moved.former.rpartition('/')[0]}/__init__.py"
        if read(project, package_file) is None:
            for each in files:
                each.pop(package_file, None)
    return files, found


def _joined(files: Iterable[Files]) -> Files:
    return {path: text for each in files for path, text in each.items()}


def find_moved(project: Path, answers: Answers, component: Component, files: Files) -> Moved | None:
    """Return a component's module that the user moved, or whose class the user renamed, or None.

    The `_target_` of the component's config locates it; None if the project has no such class, it
    is that of another component, or the generated module or class is still in place.

    Args:
        project: the folder of the project.
        answers: the record of the project.
        component: the component.
        files: the rendered files of this and other components.
    """
    rendered = re.search(r"_target_: *([\w.]+)\.(\w+)", files.get(config_file(component), ""))
    target = own_target(project, answers, component)
    if rendered is None or target is None:
        return None
    former, former_class = f"{rendered[1].replace('.', '/')}.py", rendered[2]
    path, name = target
    if former_class in _classes(project, former) or (path != former and path in files):
        return None
    if path != former and read(project, former) is not None:
        return None
    is_same_class = former_class in _classes(project, path)
    return Moved(former, former_class, path, former_class if is_same_class else name)


def own_target(project: Path, answers: Answers, component: Component) -> tuple[str, str] | None:
    """Return the path and the class that a component's config names, or None.

    The class is in a file of the project, and not that of another component.
    """
    key = component.name if component.type == CALLBACK.name else None
    target = _target_of(read(project, config_file(component)) or b"", key)
    if target is None or answers.is_taken(component, *target):
        return None
    path, name = target
    return target if name in _classes(project, path) else None


@lru_cache(4096)
def _target_of(config: bytes, key: str | None) -> tuple[str, str] | None:
    """Return the path and the class that a config names, or None; a command asks several times.

    Args:
        config: the text of the config.
        key: the key of the component in it; None: the config is that of the component.
    """
    try:
        content = yaml.load(config, LOADER)
        content = content if key is None else content[key]
        module, _, name = content["_target_"].rpartition(".")
    except (yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return f"{module.replace('.', '/')}.py", name


def _classes(project: Path, path: str) -> set[str]:
    body = parse_or_empty(read(project, path)).body
    return {node.name for node in body if isinstance(node, ast.ClassDef)}


def skeleton_files(answers: Answers) -> Files:
    """Return the generated files that belong to no component, without the record and the user's."""
    templates = source.checkout(answers.source, answers.version)
    files = render_skeleton(templates, answers, [], record=False)
    return {path: text for path, text in files.items() if path not in answers.own}


def source_files(project: Path, answers: Answers, component: Component) -> list[str]:
    """Return the Python files in a component's module or package, including those of the user.

    The paths are relative to the project.

    Args:
        project: the folder of the project.
        answers: the record of the project.
        component: the component.
    """
    if not component.has_code:
        return []
    place = project / answers.package / component.module.replace(".", "/")
    found = [place.with_suffix(".py")] if component.folder else sorted(place.rglob("*.py"))
    paths = [path.relative_to(project).as_posix() for path in found if path.is_file()]
    target = own_target(project, answers, component)
    return paths if target is None or target[0] in paths else [*paths, target[0]]


def config_file(component: Component) -> str:
    """Return the path of a component's config."""
    group = "callbacks" if component.type == CALLBACK.name else component.type
    return f"conf/{group}/{config_option(component)}.yaml"


def config_option(component: Component) -> str:
    """Return the option that selects a component in its config group, such as `nlp/my_task`."""
    return COMPONENT_TYPES[component.type].option.format_map(vars(component))


def train_arguments(component: Component) -> str:
    """Return the arguments of `python train.py` that use a component, quoted for a shell."""
    return COMPONENT_TYPES[component.type].usage.format_map(vars(component))


def plan_components(
    command: str,
    project: Path,
    old: Answers | None,
    new: Answers,
    strategy: Strategy = "semantic",
    adoption: Adoption = "unavailable",
) -> Plan:
    """Plan the changes of a project's files between two records; edits are merged.

    Args:
        command: the command without `ltscaffold`, such as `add my_task`.
        project: the folder of the project.
        old: the current record; None: the project does not exist yet.
        new: the record to reach.
        strategy: how files are merged.
        adoption: whether the command adopts files, so that a file to create may exist.

    Raises:
        ScaffoldError: if a file to create exists, and is not adopted.
    """
    before, moved = _differing_files(project, old, new)
    after, still_moved = _differing_files(project, new, old)
    same = {path for path in before if before[path] == after.get(path)}
    kept = {path for path in SKIP_IF_EXISTS if (project / path).exists()}
    # The user may have made the folder that new components share.
    shared = {f"{new.package}/{each.folder}/__init__.py" for each in new.components}
    kept |= {path for path in shared - before.keys() if (project / path).exists()}
    kept |= {path for path in before.keys() - after.keys() if _is_package(project, path, before)}
    standing = {p for p in after.keys() - before.keys() - kept if read(project, p) is not None}
    edited = {path for path in standing if is_edited(project, path, after[path])}
    if adoption == "offered":
        check_not_taken(project, edited, "or keep {} as edited with --adopt")
    kept |= standing if adoption == "chosen" else standing - edited
    for path in same | kept:
        before.pop(path, None)
        after.pop(path, None)
    merge = merge_files(project, before, after, strategy)
    contents = merge.contents | {ANSWERS_FILE: answers_text(new).encode()}
    changes = compute_changes(project, contents)
    places = [
        SourceLocation(each.path, 1, f"the module that was generated as {each.former}")
        for each in moved
        if each in still_moved
    ]
    adopted = [
        f"{path}: stays as it is, recorded as edited; updates merge into it"
        for path in sorted(edited & kept)
    ]
    notes = [*merge.notes, *adopted]
    return Plan(command, changes, merge.conflicts, [*merge.reviews, *places], notes)


def answers_text(answers: Answers) -> str:
    """Return the text of the record, rendered by the newest version of templates named in it."""
    recorded = answers.template_versions
    if len(recorded) > 1:
        recorded = {max(recorded, key=source.versions(answers.source).index)}
    return render_answers(source.checkout(answers.source, *recorded), answers)


def _is_package(project: Path, path: str, deleted: Container[str]) -> bool:
    """Return whether a file is the `__init__.py` of a package that keeps other modules.

    Args:
        project: the folder of the project.
        path: the file.
        deleted: the files that will be deleted.
    """
    place = project / path
    modules = place.parent.rglob("*.py") if place.name == "__init__.py" else []
    return any(module.relative_to(project).as_posix() not in deleted for module in modules)


def _differing_files(
    project: Path, answers: Answers | None, other: Answers | None
) -> tuple[Files, list[Moved]]:
    """Return the generated files of a record that may differ from those of another record.

    Args:
        project: the folder of the project.
        answers: the record; None has no files.
        other: the other record; components that it has, too, are omitted.

    Returns:
        The files, and the modules that the user moved.
    """
    if answers is None:
        return {}, []
    changed = answers.not_in(other) if other else answers.components
    files, moved = located_files(project, answers, *changed)
    return skeleton_files(answers) | files, moved
