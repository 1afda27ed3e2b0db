"""The files of items, and the plan that leads from one list of items to another."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ltscaffold import source
from ltscaffold.answers import ANSWERS_FILE, Answers, Item
from ltscaffold.merge import merge_files
from ltscaffold.plan import Plan, changes_of
from ltscaffold.render import Files, render, render_answers


def item_files(answers: Answers, item: Item) -> Files:
    """Return the files of one item as the project's templates give them."""
    templates = source.checkout(answers.version)
    skeleton = render(templates, replace(answers, items=[]))
    alone = render(templates, replace(answers, items=[item]))
    return {path: text for path, text in alone.items() if path not in skeleton}


def project_files(answers: Answers) -> Files:
    """Return every generated file of a project but for the record of it."""
    files = render(source.checkout(answers.version), answers)
    del files[ANSWERS_FILE]
    return files


def config_option(files: Iterable[str]) -> str:
    """Return the option that the config among an item's files is: its path in its group."""
    (config,) = (PurePosixPath(path) for path in files if path.endswith(".yaml"))
    _conf, _group, *path = config.with_suffix("").parts
    return "/".join(path)


def config_choice(answers: Answers, item: Item) -> list[str]:
    """Return the overrides that choose an item on the command line of `train.py`."""
    return [f"task={config_option(item_files(answers, item))}"]


def item_plan(command: str, project: Path, old: Answers, new: Answers) -> Plan:
    """Plan what changes in a project's files from one list of items to another; edits are kept.

    Args:
        command: what is done, for messages.
        project: the folder of the project.
        old: what it records now.
        new: what it is to record.
    """
    before, after = _differing(old, new), _differing(new, old)
    same = {path for path in before if before[path] == after.get(path)}
    for path in same:
        del before[path], after[path]
    merge = merge_files(project, before, after)
    answers_file = render_answers(source.checkout(new.version), new).encode()
    contents = merge.contents | {ANSWERS_FILE: answers_file}
    return Plan(command, changes_of(project, contents), merge.conflicts, merge.notes)


def _differing(answers: Answers, others: Answers) -> Files:
    """Return the skeleton's files and those of the items that other answers do not have."""
    items = [item for item in answers.items if item not in others.items]
    files = render(source.checkout(answers.version), replace(answers, items=items))
    del files[ANSWERS_FILE]
    return files
