"""`ltscaffold update`: bring a project to newer templates, with every edit kept."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ltscaffold.commands.update.remarks import with_remarks
from ltscaffold.errors import ScaffoldError
from ltscaffold.project.components import plan_components
from ltscaffold.project.merge_files import MergeStrategy
from ltscaffold.project.reconcile import reconcile
from ltscaffold.record.answers import Answers, Component, check_no_duplicates, read_with_duplicates
from ltscaffold.templating import source
from ltscaffold.writing.plan import Plan


def plan_update(
    project: Path,
    names: Sequence[str] = (),
    to: str | None = None,
    strategy: MergeStrategy = "semantic",
) -> Plan:
    """Plan to render a project with newer templates; it needs no git, nor a clean tree.

    It also makes one what merged branches left twice in the record.

    Args:
        project: the folder of the project.
        names: the components to update, in place of all and of the project's own files.
        to: the version of the templates, the newest by default.
        strategy: what the unit of a merge is.

    Raises:
        ScaffoldError: if there is no such component or version, or the project is at a later one.
    """
    recorded = read_with_duplicates(project)
    source.refresh(recorded.source)
    target = target_version(recorded, to)
    command = " ".join(["update", *names, "to", target])
    if names:
        check_no_duplicates(recorded)
    chosen = [recorded.component(name) for name in names] or recorded.components
    if is_up_to_date(chosen, [] if names else recorded.versions, target):
        return Plan(command)
    old, notes = reconcile(project, recorded)
    new = with_target_version(old, set(names), target)
    plan = plan_components(command, project, old, new, strategy)
    return with_remarks(project, replace(plan, notes=[*notes, *plan.notes]), old, new)


def target_version(answers: Answers, to: str | None) -> str:
    """Return the version to update to, checked against those that the project is at."""
    versions = source.versions(answers.source)
    target = to or versions[-1]
    if target not in versions:
        raise ScaffoldError(f"there is no version {target} of the templates: {', '.join(versions)}")
    for version in {
        answers.version,
        *(component.template_version for component in answers.components),
    }:
        if version not in versions:
            source.checkout(answers.source, version)  # says what to do where there is none
            raise ScaffoldError(f"{version} is no release of {answers.source}: use copier update")
        if versions.index(version) > versions.index(target):
            raise ScaffoldError(
                f"the project is at {version}, later than {target}: an update goes forward, "
                "`ltscaffold undo` takes one back"
            )
    return target


def is_up_to_date(
    components: Sequence[Component], project_versions: Sequence[str], target: str
) -> bool:
    """Return whether all components and project versions equal a version, without duplicates."""
    names = {component.name for component in components}
    versions = {*project_versions, *(component.template_version for component in components)}
    return versions <= {target} and len(names) == len(components) and len(project_versions) <= 1


def with_target_version(answers: Answers, names: set[str], target: str) -> Answers:
    """Return answers with components at a version, and the project when all of them are."""
    components = [
        replace(component, template_version=target)
        if not names or component.name in names
        else component
        for component in answers.components
    ]
    complete = all(component.template_version == target for component in components)
    return replace(answers, version=target if complete else answers.version, components=components)
