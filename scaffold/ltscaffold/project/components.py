"""The files of items, and the plan that leads from one list of items to another."""

from pathlib import Path

from ltscaffold.project.merge_files import How, merge_files
from ltscaffold.record.answers import ANSWERS_FILE, Answers, Item
from ltscaffold.record.component_types import COMPONENT_TYPES
from ltscaffold.templating import source
from ltscaffold.templating.render import Files, render, render_answers
from ltscaffold.writing.plan import Plan, changes_of

KEPT = (".gitattributes", ".gitignore")
"""Files of the skeleton that are the user's where they are there (Copier's _skip_if_exists)."""


def item_files(answers: Answers, *items: Item) -> Files:
    """Return the files of items, each as the templates of its version give them."""
    files: Files = {}
    for version in sorted({item.v for item in items}):
        at_version = [item for item in items if item.v == version]
        templates = source.checkout(answers.source, version)
        files |= render(templates, answers, at_version, skeleton=False)
    return files


def skeleton_files(answers: Answers) -> Files:
    """Return the generated files that belong to no item, but for the record of it all."""
    files = render(source.checkout(answers.source, answers.version), answers, [])
    del files[ANSWERS_FILE]
    return files


def project_files(answers: Answers) -> Files:
    """Return every generated file of a project but for the record of it."""
    return skeleton_files(answers) | item_files(answers, *answers.items)


def option_of(item: Item) -> str:
    """Return what chooses an item in its config group."""
    return COMPONENT_TYPES[item.kind].option.format_map(vars(item))


def usage_of(item: Item) -> str:
    """Return what follows `python train.py` to train with an item, as typed in a shell."""
    return COMPONENT_TYPES[item.kind].usage.format_map(vars(item))


def item_plan(
    command: str, project: Path, old: Answers | None, new: Answers, how: How = "members"
) -> Plan:
    """Plan what changes in a project's files from one list of items to another; edits are kept.

    Args:
        command: what is done, for messages.
        project: the folder of the project.
        old: what it records now; None: it is not written yet.
        new: what it is to record.
        how: what the unit of a merge is.

    Raises:
        ScaffoldError: if a new file is there already.
    """
    before, after = _changed(old, new), _changed(new, old)
    same = {path for path in before if before[path] == after.get(path)}
    kept = {path for path in KEPT if (project / path).exists()}
    for path in same | kept:
        before.pop(path, None)
        after.pop(path, None)
    merge = merge_files(project, before, after, how)
    changes = changes_of(project, merge.contents | {ANSWERS_FILE: answers_text(new).encode()})
    return Plan(command, changes, merge.conflicts, merge.reviews, merge.notes)


def answers_text(answers: Answers) -> str:
    """Return the text of the answers file, which the newest templates of the items write."""
    recorded = {answers.version, *(item.v for item in answers.items)}
    if len(recorded) > 1:
        recorded = {max(recorded, key=source.versions(answers.source).index)}
    return render_answers(source.checkout(answers.source, *recorded), answers)


def _changed(answers: Answers | None, other: Answers | None) -> Files:
    """Return the files of a project that may differ from those of other answers."""
    if answers is None:
        return {}
    items = [item for item in answers.items if other is None or item not in other.items]
    return skeleton_files(answers) | item_files(answers, *items)
