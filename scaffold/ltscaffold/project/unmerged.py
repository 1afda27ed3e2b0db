"""Resolve the conflicts that `git merge` left in generated files, member by member."""

import os
import shlex
import tempfile
from collections.abc import Collection, Container
from dataclasses import replace
from pathlib import Path

from ltscaffold.git import git, in_repository, run_git
from ltscaffold.project.components import component_files
from ltscaffold.project.merge_files import merge_files
from ltscaffold.record.answers import ANSWERS_FILE, Answers, read_answers
from ltscaffold.templating.render import Files
from ltscaffold.writing.plan import read, write_files

MARKER = b"<<<<<<< "
OPERATIONS = {"MERGE_HEAD": "merge", "REBASE_HEAD": "rebase", "CHERRY_PICK_HEAD": "cherry-pick"}
"""Operations of git that stop at a conflict, by the reference to their commit."""


def unmerged_files(project: Path) -> list[str]:
    """Return the files with conflict markers of git, as paths relative to the project."""
    paths = _unmerged_paths(project) if in_repository(project) else []
    return [path for path in paths if MARKER in (read(project, path) or b"")]


def next_steps(project: Path, resolved: Collection[str]) -> list[str]:
    """Return the commands that add resolved files and continue the merge, rebase or cherry-pick.

    They end with `git status` instead if other files are unmerged.

    Args:
        project: the folder of the project.
        resolved: the paths to add, relative to the project.
    """
    add = shlex.join(["git", "add", *sorted(resolved)])
    operation = OPERATIONS.get(_head(project))
    if operation is None or set(_unmerged_paths(project)).difference(resolved):
        return [add, "git status"]
    return [add, f"git {operation} --continue", "ltscaffold update"]


def resolve(
    project: Path, answers: Answers, paths: list[str]
) -> tuple[dict[str, bytes | None], list[str]]:
    """Return the resolved contents of unmerged files, and a note for each that needs the user.

    Each of git's three versions is first brought to the reconciled record: members that a branch
    generated are then in all of them, and the merge is one of edits.

    Args:
        project: the folder of the project.
        answers: the reconciled record of the project.
        paths: the unmerged files; those that are not generated stay unresolved.
    """
    wanted = _only(component_files(project, answers, *answers.components), paths)
    commits = _commits(project)
    with tempfile.TemporaryDirectory(prefix="ltscaffold-unmerged") as folder:
        base, ours, theirs = (
            _stage(project, Path(folder) / str(number), commit, number, answers, wanted)
            for number, commit in enumerate(commits, 1)
        )
        both = {path for path in base if path in ours and path in theirs}
        write_files(Path(folder), {path: ours[path] for path in both})
        merge = merge_files(Path(folder), _only(base, both), _only(theirs, both), "semantic")
    unclear = {place.path for place in (*merge.conflicts, *merge.reviews)}
    unclear |= {note.partition(": ")[0] for note in merge.notes} | wanted.keys() - both
    notes = [
        f"{path}: the edits of both branches cannot be combined; resolve the conflict"
        for path in unclear
    ]
    return {p: text for p, text in merge.contents.items() if p not in unclear}, sorted(notes)


def _commits(project: Path) -> list[str]:
    """Return the common commit, ours and theirs of the unfinished merge, rebase or cherry-pick."""
    head = _head(project)
    if head == "MERGE_HEAD":
        base = git("merge-base", "HEAD", head, cwd=project).decode().strip()
    else:
        base = head if head == "HEAD" else f"{head}^"
    return [base, "HEAD", head]


def _head(project: Path) -> str:
    """Return the reference to the commit being merged, a key of `OPERATIONS`, or else HEAD."""
    exists = (
        head
        for head in OPERATIONS
        if not run_git("rev-parse", "--quiet", "--verify", head, cwd=project).returncode
    )
    return next(exists, "HEAD")


def _unmerged_paths(project: Path) -> list[str]:
    """Return the files with several versions in git's index, relative to the project."""
    listed = run_git("diff", "--name-only", "--diff-filter=U", "--relative", "-z", cwd=project)
    return os.fsdecode(listed.stdout).split("\0")[:-1]


def _stage(
    project: Path, folder: Path, commit: str, number: int, answers: Answers, wanted: Files
) -> Files:
    """Return the files of one of git's three versions, brought to the reconciled record.

    Args:
        project: the folder of the project.
        folder: a temporary folder for this version.
        commit: the commit of the version, for its record.
        number: git's number of the version in the index: 1 common, 2 ours, 3 theirs.
        answers: the reconciled record.
        wanted: the unmerged files as rendered for the reconciled record.

    Returns:
        The files without conflicts; empty if the version has no record.
    """
    shown = {path: _show(project, f":{number}:./{path}") for path in wanted}
    files = {path: text for path, text in shown.items() if text is not None}
    record = _show(project, f"{commit}:./{ANSWERS_FILE}")
    write_files(folder, files | ({ANSWERS_FILE: record} if record else {}))
    recorded = read_answers(folder)
    if recorded is None:
        return {}
    recorded = replace(recorded, project_fragments=answers.project_fragments)
    before = _only(component_files(folder, recorded, *recorded.components), files)
    merge = merge_files(folder, before, _only(wanted, before), "semantic")
    conflicts = {place.path for place in merge.conflicts}
    return {
        path: text.decode()
        for path, text in merge.contents.items()
        if text is not None and path not in conflicts
    }


def _show(project: Path, version: str) -> str | None:
    """Return the text of a file's version; None if it does not exist or is not UTF-8.

    Args:
        project: the folder of the project.
        version: as `git show` takes it, such as `HEAD:./a.py` or `:2:./a.py`.
    """
    done = run_git("show", version, cwd=project)
    try:
        return None if done.returncode else done.stdout.decode()
    except UnicodeDecodeError:
        return None


def _only(files: Files, paths: Container[str]) -> Files:
    return {path: text for path, text in files.items() if path in paths}
