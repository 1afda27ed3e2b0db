"""`ltscaffold update`: bring a project to newer templates, with every edit kept."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ltscaffold import source
from ltscaffold.answers import Answers, check_merged, read_merged, recorded_versions
from ltscaffold.errors import ScaffoldError
from ltscaffold.items import item_plan
from ltscaffold.merged_branches import healed
from ltscaffold.plan import Plan


def plan_update(project: Path, names: Sequence[str] = (), to: str | None = None) -> Plan:
    """Plan to render a project with newer templates; it needs no git, nor a clean tree.

    It also makes one what merged branches left twice in the record.

    Args:
        project: the folder of the project.
        names: the items to update, in place of all and of the project's own files.
        to: the version of the templates, the newest by default.

    Raises:
        ScaffoldError: if there is no such item or version, or the project is at a later one.
    """
    recorded = read_merged(project)
    target = target_version(recorded, to)
    command = f"update {' '.join(names)} to {target}".replace("  ", " ")
    if names:
        check_merged(project, recorded)
    chosen = [recorded.item(name) for name in names] or recorded.items
    behind = any(item.v != target for item in chosen)
    if not (behind or (not names and recorded_versions(project) != [target])):
        return Plan(command)
    old = healed(project, recorded)
    new = updated(old.answers, set(names), target)
    plan = item_plan(command, project, old.answers, new)
    return replace(plan, notes=[*old.notes, *plan.notes])


def target_version(answers: Answers, to: str | None) -> str:
    """Return the version to update to, checked against those that the project is at."""
    versions = source.versions(answers.source)
    target = to or versions[-1]
    if target not in versions:
        raise ScaffoldError(f"there is no version {target} of the templates: {', '.join(versions)}")
    for version in {answers.version, *(item.v for item in answers.items)}:
        source.checkout(answers.source, version)
        if versions.index(version) > versions.index(target):
            raise ScaffoldError(
                f"the project is at {version}, later than {target}: an update goes forward, "
                "`ltscaffold undo` takes one back"
            )
    return target


def updated(answers: Answers, names: set[str], target: str) -> Answers:
    """Return answers with items at a version, and the project when all of them are."""
    items = [
        replace(item, v=target) if not names or item.name in names else item
        for item in answers.items
    ]
    complete = all(item.v == target for item in items)
    return replace(answers, version=target if complete else answers.version, items=items)
