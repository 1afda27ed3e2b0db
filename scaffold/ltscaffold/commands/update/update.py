"""`ltscaffold update`: bring a project to newer templates, with every edit kept."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ltscaffold.commands.update.remarks import with_remarks
from ltscaffold.errors import ScaffoldError
from ltscaffold.project.components import item_plan
from ltscaffold.project.merge_files import How
from ltscaffold.project.reconcile import reconcile
from ltscaffold.record.answers import Answers, Item, check_merged, read_merged
from ltscaffold.templating import source
from ltscaffold.writing.plan import Plan


def plan_update(
    project: Path, names: Sequence[str] = (), to: str | None = None, how: How = "members"
) -> Plan:
    """Plan to render a project with newer templates; it needs no git, nor a clean tree.

    It also makes one what merged branches left twice in the record.

    Args:
        project: the folder of the project.
        names: the items to update, in place of all and of the project's own files.
        to: the version of the templates, the newest by default.
        how: what the unit of a merge is.

    Raises:
        ScaffoldError: if there is no such item or version, or the project is at a later one.
    """
    recorded = read_merged(project)
    source.refresh(recorded.source)
    target = target_version(recorded, to)
    command = " ".join(["update", *names, "to", target])
    if names:
        check_merged(recorded)
    chosen = [recorded.item(name) for name in names] or recorded.items
    if is_current(chosen, [] if names else recorded.versions, target):
        return with_remarks(project, Plan(command), recorded, recorded, names)
    old, notes = reconcile(project, recorded)
    new = updated(old, set(names), target)
    plan = item_plan(command, project, old, new, how)
    return with_remarks(project, replace(plan, notes=[*notes, *plan.notes]), old, new, names)


def target_version(answers: Answers, to: str | None) -> str:
    """Return the version to update to, checked against those that the project is at."""
    versions = source.versions(answers.source)
    target = to or versions[-1]
    if target not in versions:
        raise ScaffoldError(f"there is no version {target} of the templates: {', '.join(versions)}")
    for version in {answers.version, *(item.v for item in answers.items)}:
        if version not in versions:
            source.checkout(answers.source, version)  # says what to do where there is none
            raise ScaffoldError(f"{version} is no release of {answers.source}: use copier update")
        if versions.index(version) > versions.index(target):
            raise ScaffoldError(
                f"the project is at {version}, later than {target}: an update goes forward, "
                "`ltscaffold undo` takes one back"
            )
    return target


def is_current(items: Sequence[Item], project_versions: Sequence[str], target: str) -> bool:
    """Tell whether items, and a project unless it has no part in it, are at a version, once."""
    names = {item.name for item in items}
    versions = {*project_versions, *(item.v for item in items)}
    return versions <= {target} and len(names) == len(items) and len(project_versions) <= 1


def updated(answers: Answers, names: set[str], target: str) -> Answers:
    """Return answers with items at a version, and the project when all of them are."""
    items = [
        replace(item, v=target) if not names or item.name in names else item
        for item in answers.items
    ]
    complete = all(item.v == target for item in items)
    return replace(answers, version=target if complete else answers.version, items=items)
