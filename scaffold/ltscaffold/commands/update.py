"""`ltscaffold update`: bring a project to newer templates, with every edit kept."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ltscaffold import source
from ltscaffold.answers import Answers, Item, check_merged, read_merged, recorded_versions
from ltscaffold.changelog import news
from ltscaffold.commands.check import IGNORED
from ltscaffold.commands.template_eject import ejected_changes
from ltscaffold.errors import ScaffoldError
from ltscaffold.former_hooks import former_hooks
from ltscaffold.git import ignored
from ltscaffold.items import item_files, item_plan
from ltscaffold.kinds import KINDS
from ltscaffold.merge import How
from ltscaffold.merged_branches import healed
from ltscaffold.migrations import MIGRATIONS, migrated
from ltscaffold.plan import Plan, read


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
        check_merged(project, recorded)
    chosen = [recorded.item(name) for name in names] or recorded.items
    if is_current(project, chosen, [] if names else recorded_versions(project), target):
        return Plan(command)
    old = healed(project, recorded)
    new = updated(old.answers, set(names), target)
    plan = item_plan(command, project, old.answers, new, how)
    plan = replace(plan, notes=[*old.notes, *plan.notes])
    return with_remarks(project, plan, old.answers, new)


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


def is_current(
    project: Path, items: Sequence[Item], project_versions: Sequence[str], target: str
) -> bool:
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


def with_remarks(project: Path, plan: Plan, old: Answers, new: Answers) -> Plan:
    """Return a plan with the codemods of new versions, and with what the user should know."""
    moved = [item for item in new.items if item not in old.items]
    passed = versions_passed(old, new)
    files = python_files(project, new, moved)
    codemods = [migration for migration in MIGRATIONS if migration.version in passed]
    if codemods:
        tests = [path for path in item_files(new, *moved) if path.endswith(".py")]
        plan = migrated(project, plan, sorted({*files, *tests}), codemods)
    hidden = ignored(project, [change.path for change in plan.changes])
    notes = [
        *plan.notes,
        *(f"{path}: {IGNORED}" for path in hidden),
        *ejected_changes(project, new, old.version, new.version),
        *news(source.checkout(new.source, passed[-1] if passed else new.version), passed),
    ]
    kinds = {KINDS[item.kind].class_name(item.name): item.kind for item in moved}
    planned = {change.path: change.after for change in plan.changes}
    former = [
        place
        for path in files
        for place in former_hooks(path, planned.get(path, read(project, path)) or b"", kinds)
    ]
    return replace(plan, notes=notes, reviews=[*plan.reviews, *former])


def versions_passed(old: Answers, new: Answers) -> list[str]:
    """Return the versions after the oldest that a project leaves, up to the one it reaches."""
    versions = source.versions(new.source)
    left, reached = (
        {versions.index(v) for v in (answers.version, *(item.v for item in answers.items))}
        for answers in (old, new)
    )
    return versions[min(left) + 1 : max(reached) + 1]


def python_files(project: Path, answers: Answers, items: Sequence[Item]) -> list[str]:
    """Return the Python files in the packages of items, the user's own among them."""
    folders = (project / answers.package / item.name for item in items)
    files = (path for folder in folders for path in sorted(folder.rglob("*.py")))
    return [path.relative_to(project).as_posix() for path in files]
