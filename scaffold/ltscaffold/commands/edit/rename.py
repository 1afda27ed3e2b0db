"""`ltscaffold rename`: rename a component in its files and in the project's configs."""

import ast
import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePath

from ltscaffold.errors import ScaffoldError
from ltscaffold.project.components import (
    answers_text,
    component_files,
    config_option,
    located_files,
)
from ltscaffold.project.merge_files import is_edited
from ltscaffold.project.python_code import TEXTS, parse_or_empty, sources
from ltscaffold.project.references import Option, Paths, rename_in_python, rename_in_yaml
from ltscaffold.project.validation import check_new_name, check_not_hidden
from ltscaffold.record.answers import ANSWERS_FILE, Answers, Component, read_project
from ltscaffold.record.component_types import CALLBACK, COMPONENT_TYPES, DATASET, SHELL, TASK
from ltscaffold.templating.catalog import read_catalog
from ltscaffold.templating.render import Files
from ltscaffold.writing.plan import Plan, check_not_taken, compute_changes, read


def plan_rename(project: Path, name: str, new_name: str) -> Plan:
    """Plan to rename a component: its module, class, config and test; edits are kept.

    The user's own files in its package move along. References in other configs are renamed too;
    other mentions of the former name are listed as notes, and what the rename means for runs.

    Args:
        project: the folder of the project.
        name: the component.
        new_name: its new name.

    Raises:
        ScaffoldError: if the component does not exist or the user moved its module, or the new name
            is not valid or taken.
    """
    answers = read_project(project)
    component = answers.component(name)
    if component.type == SHELL.name:
        raise ScaffoldError(f"cannot rename '{name}': a part of the shell has a fixed name")
    check_new_name(read_catalog(answers), answers, COMPONENT_TYPES[component.type], new_name)
    renamed = replace(component, name=new_name)
    check_not_hidden(project, answers, renamed)
    new = renamed_answers(answers, component, renamed)
    contents: dict[str, bytes | None] = {ANSWERS_FILE: answers_text(new).encode()}
    old_files, moved = located_files(project, answers, component)
    if moved:
        raise ScaffoldError(
            f"cannot rename '{name}': its module {moved[0].former} is now {moved[0].path} "
            f"({moved[0].class_name}); revert that first, or rename it by hand"
        )
    new_files = component_files(project, new, renamed)
    renaming = Renaming(answers, component, renamed, old_files, new_files)
    for one, other in zip(answers.components, new.components, strict=True):
        if one != other:
            files = component_files(project, answers, one), component_files(project, new, other)
            contents |= renamed_contents(project, *files, renaming)
    contents |= moved_contents(project, answers, component, renamed, contents, renaming)
    for path in other_files(project, "conf/**/*.yaml", contents):
        contents[path] = renaming.apply(path, read(project, path))
    changes = [
        replace(change, mode=(project / origin).stat().st_mode & 0o777)
        if (origin := renaming.origins.get(change.path))
        else change
        for change in compute_changes(project, contents)
    ]
    notes = [*stale_references(project, contents, renaming), renaming.note_on_runs()]
    return Plan(f"rename {name} {new_name}", changes, notes=notes)


class Renaming:
    """The new names of a component.

    Attributes:
        paths: those of its modules and classes.
        option: that in its config group.
        origins: the former paths of existing files, by their new ones.

    Args:
        answers: the record of the project before the command.
        component: the component as recorded.
        renamed: the component with its new name.
        old_files: its files as rendered before.
        new_files: its files as rendered with the new name, in the same order.
    """

    def __init__(
        self,
        answers: Answers,
        component: Component,
        renamed: Component,
        old_files: Files,
        new_files: Files,
    ) -> None:
        self.component, self.renamed = component, renamed
        self.origins: dict[str, str] = {}
        module, new_module = (f"{answers.package}.{each.module}" for each in (component, renamed))
        by_former = {module: new_module}
        for (path, before), (new_path, after) in zip(
            old_files.items(), new_files.items(), strict=True
        ):
            if path.endswith(".py"):
                by_former |= dict(
                    zip(_definitions(path, before), _definitions(new_path, after), strict=True)
                )
        self.paths = Paths(by_former)
        group = next(path for path in old_files if path.endswith(".yaml")).split("/")[1]
        options = config_option(component), config_option(renamed)
        self.option = Option(group, *options, is_key=component.type == CALLBACK.name)
        owner = COMPONENT_TYPES[component.type]
        class_name = re.escape(owner.class_name(component.name))
        self.mention = re.compile(
            "|".join(
                [rf"\b(Test)?{class_name}\b" if owner.suffix else rf"(?<![\w.]){class_name}\b"]
                + [rf"(?<![\w.]){module.replace('.', '[./]')}\b", rf"\btest_{component.name}\.py\b"]
                + [each.replace("OPTION", options[0]) for each in owner.references]
            )
        )

    def apply(self, path: str, content: bytes | None, is_own: bool = False) -> bytes | None:
        """Return a file's content with the references renamed.

        Args:
            path: of the file, before the command.
            content: its content.
            is_own: whether it is generated for the component, or for one based on it.
        """
        if content is None:
            return None
        text = content.decode("utf-8", "surrogateescape")
        if path.endswith(".py"):
            text = rename_in_python(text, _module(path), self.paths)
            text = self._rename_phrases(text) if is_own else text
        elif path.endswith(".yaml"):
            folder = PurePath(path).parent.as_posix().partition("/")[2]
            text = rename_in_yaml(text, folder, self.paths, self.option)
        return text.encode("utf-8", "surrogateescape")

    def note_on_runs(self) -> str:
        """Return the note about earlier runs, which record the former path of the class."""
        owner = COMPONENT_TYPES[self.component.type]
        end = f".{owner.class_name(self.component.name)}"
        former = next(path for path in self.paths.by_former if path.endswith(end))
        argument = {TASK.name: "task_class", DATASET.name: "data_class"}.get(owner.name)
        load = f", load needs {argument}=<the class>" if argument else ""
        return f"runs so far record {former}: rerun cannot repeat them{load}"

    def _rename_phrases(self, text: str) -> str:
        """Rename what templates write in docstrings, and the options in a test."""
        kind, former, new = self.component.type, self.component.name, self.renamed.name
        text = re.sub(rf"\b({kind}) `{former}`", rf"\g<1> `{new}`", text)
        text = re.sub(rf'("""The ){former}(?= {kind}\b)', rf"\g<1>{new}", text)
        for old, now in {self.option.former: self.option.new, former: new}.items():
            assignment = rf"^(\s+{kind}\s*=\s*(['\"])){old}(?=\2)"
            text = re.sub(assignment, rf"\g<1>{now}", text, flags=re.MULTILINE)
        return text


def renamed_contents(
    project: Path, old_files: Files, new_files: Files, renaming: Renaming
) -> dict[str, bytes | None]:
    """Return the contents of a component's files by new path, and None by each old path.

    An edited file keeps its lines; only the references in them are renamed.

    Args:
        project: the folder of the project.
        old_files: the rendered files with the old name.
        new_files: the rendered files with the new name, in the same order.
        renaming: the new names, to which the old path of each file is added.

    Raises:
        ScaffoldError: if a file exists at a new path.
    """
    check_not_taken(project, new_files.keys() - old_files.keys())
    contents: dict[str, bytes | None] = {}
    for (old_path, before), (path, after) in zip(old_files.items(), new_files.items(), strict=True):
        ours = read(project, old_path)
        contents[old_path] = None
        if ours is not None and path != old_path:
            renaming.origins[path] = old_path
        if is_edited(project, old_path, before):
            contents[path] = renaming.apply(old_path, ours, is_own=True)
        else:
            contents[path] = None if ours is None else after.encode()
    return contents


def moved_contents(
    project: Path,
    answers: Answers,
    component: Component,
    renamed: Component,
    known: Container[str],
    renaming: Renaming,
) -> dict[str, bytes | None]:
    """Return the user's own files in a component's package as contents by path, moved along.

    The content of an old path is None. Empty for a component without a package of its own.

    Args:
        project: the folder of the project.
        answers: the record of the project before the command.
        component: the component as recorded.
        renamed: the component with its new name.
        known: paths of generated files, which are not moved here.
        renaming: the new names, to which the old path of each file is added.

    Raises:
        ScaffoldError: if a file exists at a new path.
    """
    folder, new_folder = (f"{answers.package}/{each.module}" for each in (component, renamed))
    contents: dict[str, bytes | None] = {}
    if not component.folder:
        for path in other_files(project, f"{folder}/**/*", known):
            new_path = new_folder + path.removeprefix(folder)
            renaming.origins[new_path] = path
            contents |= {new_path: renaming.apply(path, read(project, path)), path: None}
    check_not_taken(project, [path for path, content in contents.items() if content is not None])
    return contents


def renamed_answers(answers: Answers, component: Component, renamed: Component) -> Answers:
    """Return answers in which a component is replaced by `renamed`, also as the base of others."""
    for other in answers.components:
        if other.base == component.name:
            answers = answers.with_replaced(other, replace(other, base=renamed.name))
    return answers.with_replaced(component, renamed)


def other_files(project: Path, glob: str, known: Container[str]) -> Iterator[str]:
    """Yield the files of a project that match a glob, sorted, without hidden ones.

    Args:
        project: the folder of the project; the paths are relative to it.
        glob: the pattern, such as `conf/**/*.yaml`.
        known: paths to omit.
    """
    for path in sorted(project.glob(glob)):
        relative = path.relative_to(project)
        hidden = any(part.startswith(".") or part == "__pycache__" for part in relative.parts)
        if path.is_file() and not hidden and relative.as_posix() not in known:
            yield relative.as_posix()


def stale_references(
    project: Path, contents: Mapping[str, bytes | None], renaming: Renaming
) -> Iterator[str]:
    """Yield a note for each line of code, a config or a document that still has the old name.

    Args:
        project: the folder of the project.
        contents: the contents of changed files after the command.
        renaming: the new names.
    """
    others = {path: read(project, path) for path in sources(project, TEXTS)}
    for path, content in sorted((others | dict(contents)).items()):
        if path != ANSWERS_FILE and PurePath(path).suffix in TEXTS:
            lines = (content or b"").decode("utf-8", "replace").splitlines()
            for number, line in enumerate(lines, 1):
                if renaming.mention.search(line):
                    yield f"{path}:{number}: still has the old name"


def _module(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")


def _definitions(path: str, code: str) -> list[str]:
    """Return the dotted paths of the classes in a module, in order.

    Args:
        path: its file.
        code: its code.
    """
    classes = [node for node in parse_or_empty(code).body if isinstance(node, ast.ClassDef)]
    return [f"{_module(path)}.{node.name}" for node in classes]
