"""The files of components, and the plan that leads from one list of components to another."""

from pathlib import Path

from ltscaffold.project.merge_files import MergeStrategy, merge_files
from ltscaffold.record.answers import ANSWERS_FILE, Answers, Component
from ltscaffold.record.component_types import COMPONENT_TYPES
from ltscaffold.templating import source
from ltscaffold.templating.render import Files, render, render_answers
from ltscaffold.writing.plan import Plan, compute_changes

SKIP_IF_EXISTS = (".gitattributes", ".gitignore")
"""Files of the skeleton that are the user's where they are there (Copier's _skip_if_exists)."""


def component_files(answers: Answers, *components: Component) -> Files:
    """Return the files of components, each as the templates of its version give them."""
    files: Files = {}
    for version in sorted({component.template_version for component in components}):
        at_version = [
            component for component in components if component.template_version == version
        ]
        templates = source.checkout(answers.source, version)
        files |= render(templates, answers, at_version, skeleton=False)
    return files


def skeleton_files(answers: Answers) -> Files:
    """Return the generated files that belong to no component, but for the record of it all."""
    files = render(source.checkout(answers.source, answers.version), answers, [])
    del files[ANSWERS_FILE]
    return files


def project_files(answers: Answers) -> Files:
    """Return every generated file of a project but for the record of it."""
    return skeleton_files(answers) | component_files(answers, *answers.components)


def config_option(component: Component) -> str:
    """Return what chooses a component in its config group."""
    return COMPONENT_TYPES[component.type].option.format_map(vars(component))


def train_arguments(component: Component) -> str:
    """Return what follows `python train.py` to train with a component, as typed in a shell."""
    return COMPONENT_TYPES[component.type].usage.format_map(vars(component))


def plan_components(
    command: str,
    project: Path,
    old: Answers | None,
    new: Answers,
    strategy: MergeStrategy = "semantic",
) -> Plan:
    """Plan the changes of a project's files between two lists of components; edits are kept.

    Args:
        command: what is done, for messages.
        project: the folder of the project.
        old: what it records now; None: it is not written yet.
        new: what it is to record.
        strategy: what the unit of a merge is.

    Raises:
        ScaffoldError: if a new file is there already.
    """
    before, after = _changed(old, new), _changed(new, old)
    same = {path for path in before if before[path] == after.get(path)}
    kept = {path for path in SKIP_IF_EXISTS if (project / path).exists()}
    for path in same | kept:
        before.pop(path, None)
        after.pop(path, None)
    merge = merge_files(project, before, after, strategy)
    answers_file = render_answers(source.checkout(new.source, new.version), new).encode()
    changes = compute_changes(project, merge.contents | {ANSWERS_FILE: answers_file})
    return Plan(command, changes, merge.conflicts, merge.reviews, merge.notes)


def _changed(answers: Answers | None, other: Answers | None) -> Files:
    """Return the files of a project that may differ from those of other answers."""
    if answers is None:
        return {}
    components = [
        component
        for component in answers.components
        if other is None or component not in other.components
    ]
    return skeleton_files(answers) | component_files(answers, *components)
