"""The files of components, and the plan that leads from one list of components to another."""

from collections.abc import Container
from pathlib import Path

from ltscaffold.project.merge_files import Strategy, merge_files
from ltscaffold.record.answers import ANSWERS_FILE, Answers, Component
from ltscaffold.record.component_types import COMPONENT_TYPES
from ltscaffold.templating import source
from ltscaffold.templating.render import Files, render, render_answers
from ltscaffold.writing.plan import Plan, compute_changes

SKIP_IF_EXISTS = (".gitattributes", ".gitignore")
"""Files of the skeleton that belong to the user once they exist (Copier's _skip_if_exists)."""


def component_files(answers: Answers, *components: Component) -> Files:
    """Return the files of components as generated, by path, without edits.

    Args:
        answers: the record of the project.
        components: the components; each is rendered by the templates of its version.
    """
    files: Files = {}
    for version in sorted({component.template_version for component in components}):
        at_version = [each for each in components if each.template_version == version]
        templates = source.checkout(answers.source, version)
        files |= render(templates, answers, at_version, skeleton=False)
    return files


def skeleton_files(answers: Answers) -> Files:
    """Return the generated files that belong to no component, without the record."""
    files = render(source.checkout(answers.source, answers.version), answers, [])
    del files[ANSWERS_FILE]
    return files


def project_files(answers: Answers) -> Files:
    """Return all generated files of a project, without the record."""
    return skeleton_files(answers) | component_files(answers, *answers.components)


def source_files(project: Path, answers: Answers, component: Component) -> list[str]:
    """Return the Python files in a component's module or package, including those of the user.

    Args:
        project: the folder of the project.
        answers: the record of the project.
        component: the component.
    """
    place = project / answers.package / component.module.replace(".", "/")
    paths = [place.with_suffix(".py")] if component.folder else sorted(place.rglob("*.py"))
    return [path.relative_to(project).as_posix() for path in paths if path.is_file()]


def config_option(component: Component) -> str:
    """Return the option that selects a component in its config group, such as `nlp/my_task`."""
    return COMPONENT_TYPES[component.type].option.format_map(vars(component))


def train_arguments(component: Component) -> str:
    """Return the arguments of `python train.py` that use a component, quoted for a shell."""
    return COMPONENT_TYPES[component.type].usage.format_map(vars(component))


def plan_components(
    command: str, project: Path, old: Answers | None, new: Answers, strategy: Strategy = "semantic"
) -> Plan:
    """Plan the changes of a project's files between two records; edits are merged.

    Args:
        command: the command without `ltscaffold`, such as `add my_task`.
        project: the folder of the project.
        old: the current record; None: the project does not exist yet.
        new: the record to reach.
        strategy: how files are merged.

    Raises:
        ScaffoldError: if a file to create exists.
    """
    before, after = _differing_files(old, new), _differing_files(new, old)
    same = {path for path in before if before[path] == after.get(path)}
    kept = {path for path in SKIP_IF_EXISTS if (project / path).exists()}
    # The user may have made the folder that new components share.
    shared = {f"{new.package}/{each.folder}/__init__.py" for each in new.components}
    kept |= {path for path in shared - before.keys() if (project / path).exists()}
    kept |= {path for path in before.keys() - after.keys() if _is_package(project, path, before)}
    for path in same | kept:
        before.pop(path, None)
        after.pop(path, None)
    merge = merge_files(project, before, after, strategy)
    contents = merge.contents | {ANSWERS_FILE: answers_text(new).encode()}
    changes = compute_changes(project, contents)
    return Plan(command, changes, merge.conflicts, merge.reviews, merge.notes)


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


def _differing_files(answers: Answers | None, other: Answers | None) -> Files:
    """Return the generated files of a record that may differ from those of another record.

    Args:
        answers: the record; None has no files.
        other: the other record; components that it has, too, are omitted.
    """
    if answers is None:
        return {}
    known = other.components if other else []
    changed = [component for component in answers.components if component not in known]
    return skeleton_files(answers) | component_files(answers, *changed)
