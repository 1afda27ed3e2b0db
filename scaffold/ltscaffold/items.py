"""The files of items, and the plan that leads from one list of items to another."""

from collections.abc import Mapping
from pathlib import Path

from ltscaffold import source
from ltscaffold.answers import ANSWERS_FILE, Answers, Item
from ltscaffold.merge import merge_files
from ltscaffold.plan import Plan, changes_of
from ltscaffold.render import Files, render, render_answers


def item_files(answers: Answers, item: Item) -> Files:
    """Return the files of one item as the project's templates give them."""
    templates = source.checkout(answers.version)
    skeleton = render(templates, answers, [])
    alone = render(templates, answers, [item])
    return {path: text for path, text in alone.items() if path not in skeleton}


def item_plan(
    command: str,
    project: Path,
    old: Answers,
    new: Answers,
    moves: Mapping[str, str] | None = None,
) -> Plan:
    """Plan what changes in a project's files from one list of items to another; edits are kept.

    Args:
        command: what is done, for messages.
        project: the folder of the project.
        old: what it records now.
        new: what it is to record.
        moves: new path of each file that is called otherwise then.
    """
    moves = moves or {}
    before, after = _differing(old, new), _differing(new, old)
    same = {path for path in before if moves.get(path, path) == path}
    same = {path for path in same if before[path] == after.get(path)}
    merge = merge_files(
        project,
        {path: text for path, text in before.items() if path not in same},
        {path: text for path, text in after.items() if path not in same},
        moves,
    )
    answers_file = render_answers(source.checkout(new.version), new).encode()
    contents = merge.contents | {ANSWERS_FILE: answers_file}
    return Plan(command, changes_of(project, contents), merge.conflicts, merge.notes)


def _differing(answers: Answers, others: Answers) -> Files:
    """Return the skeleton's files and those of the items that other answers do not have."""
    items = [item for item in answers.items if item not in others.items]
    files = render(source.checkout(answers.version), answers, items)
    del files[ANSWERS_FILE]
    return files
