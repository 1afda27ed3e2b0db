"""`ltscaffold update`: update a project to newer templates; edits are merged."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ltscaffold.commands.update.remarks import with_remarks
from ltscaffold.errors import ScaffoldError
from ltscaffold.project.components import plan_components
from ltscaffold.project.merge_files import Strategy
from ltscaffold.project.reconcile import reconcile
from ltscaffold.project.shell.parts import with_installed_requirement
from ltscaffold.project.unmerged import next_steps, resolve, unmerged_files
from ltscaffold.record.answers import (
    ANSWERS_FILE,
    Answers,
    Component,
    check_no_duplicates,
    read_with_duplicates,
)
from ltscaffold.templating import source
from ltscaffold.templating.render import render_answers
from ltscaffold.writing.plan import Plan, compute_changes


def plan_update(
    project: Path, names: Sequence[str] = (), to: str | None = None, strategy: Strategy = "semantic"
) -> Plan:
    """Plan to update a project to newer templates; it needs neither git nor a clean tree.

    It also reconciles the record after a merge of branches. Where git left conflicts in generated
    files, the plan resolves these, and nothing else.

    Args:
        project: the folder of the project.
        names: the components to update; by default all, and the skeleton.
        to: the version of the templates; by default the latest.
        strategy: how files are merged.

    Raises:
        ScaffoldError: if a component or the version does not exist, or the project is at a later
            version.
    """
    recorded = read_with_duplicates(project)
    source.refresh(recorded.source)
    target = target_version(recorded, to)
    command = " ".join(["update", *names, "to", target])
    if names:
        check_no_duplicates(recorded)
    chosen = [recorded.component(name) for name in names] or recorded.components
    resolved = _plan_resolution(command, project, recorded)
    if resolved is not None:
        return resolved
    current, requirements = with_installed_requirement(recorded, names)
    if current == recorded and is_up_to_date(chosen, [] if names else recorded.versions, target):
        plan = Plan(command, notes=requirements)
        return with_remarks(project, plan, recorded, recorded, names)
    old, notes = reconcile(project, recorded)
    new, requirements = with_installed_requirement(
        with_target_version(old, set(names), target), names
    )
    plan = plan_components(command, project, old, new, strategy)
    plan = replace(plan, notes=[*notes, *requirements, *plan.notes])
    return with_remarks(project, plan, old, new, names)


def _plan_resolution(command: str, project: Path, recorded: Answers) -> Plan | None:
    """Plan to resolve git's conflicts in generated files; return None if there are none.

    Args:
        command: name of the plan.
        project: the folder of the project.
        recorded: the record of the project, with the lines of both branches.
    """
    if not (files := unmerged_files(project)):
        return None
    answers, notes = reconcile(project, recorded)
    contents, more = resolve(project, answers, files)
    templates = source.checkout(answers.source, answers.version)
    contents[ANSWERS_FILE] = render_answers(templates, answers).encode()
    return Plan(
        command,
        compute_changes(project, contents),
        notes=[*notes, *more],
        next_steps=next_steps(project, contents),
    )


def target_version(answers: Answers, to: str | None) -> str:
    """Return the version to update to.

    Args:
        answers: the record of the project.
        to: the version that the user wants; None: the latest.

    Raises:
        ScaffoldError: if that is not a released version or earlier than one in the record, or if
            the record has a version that is not released.
    """
    versions = source.versions(answers.source)
    target = to or versions[-1]
    if target not in versions:
        raise ScaffoldError(
            f"'{target}' is not a version of the templates; choose one of {', '.join(versions)}"
        )
    for version in answers.template_versions:
        if version not in versions:
            source.checkout(answers.source, version)  # its error names the fix
            raise ScaffoldError(
                f"the project records {version}, which is not a release of {answers.source}; run "
                "`copier update` to move to a release"
            )
        if versions.index(version) > versions.index(target):
            raise ScaffoldError(
                f"cannot update from {version} to the earlier {target}; "
                "revert an update with `ltscaffold undo`"
            )
    return target


def is_up_to_date(chosen: Sequence[Component], recorded: Sequence[str], target: str) -> bool:
    """Return whether a project needs no update.

    Args:
        chosen: the components to update.
        recorded: the versions of the project in the record, to be updated too; may be empty.
        target: the version to update to.
    """
    names = {component.name for component in chosen}
    versions = {*recorded, *(component.template_version for component in chosen)}
    return versions <= {target} and len(names) == len(chosen) and len(recorded) <= 1


def with_target_version(answers: Answers, names: set[str], target: str) -> Answers:
    """Return answers with components at a version, and the project if all of them are.

    Args:
        answers: the record of the project.
        names: the components to update; empty: all.
        target: the version.
    """
    components = [
        replace(each, template_version=target) if not names or each.name in names else each
        for each in answers.components
    ]
    complete = all(component.template_version == target for component in components)
    return replace(answers, version=target if complete else answers.version, components=components)
