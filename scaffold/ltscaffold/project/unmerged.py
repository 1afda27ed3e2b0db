"""Resolve the conflicts that `git merge` left in generated files, member by member."""

import tempfile
from collections.abc import Container
from dataclasses import replace
from pathlib import Path

from ltscaffold.git import git, run_git
from ltscaffold.project.components import component_files
from ltscaffold.project.merge_files import merge_files
from ltscaffold.record.answers import ANSWERS_FILE, Answers, read_answers
from ltscaffold.templating.render import Files
from ltscaffold.writing.plan import read, write_files

MARKER = b"<<<<<<< "


def unmerged_files(project: Path) -> list[str]:
    """Return the files of a project in which git left conflict markers."""
    if not any((folder / ".git").exists() for folder in (project.resolve() / "x").parents):
        return []
    listed = run_git("diff", "--name-only", "--diff-filter=U", "--relative", "-z", cwd=project)
    paths = listed.stdout.decode().split("\0")[:-1]
    return [path for path in paths if MARKER in (read(project, path) or b"")]


def resolve(
    project: Path, answers: Answers, paths: list[str]
) -> tuple[dict[str, bytes | None], list[str]]:
    """Return the resolved contents of unmerged files, and a note for each that needs the user.

    Each of git's three versions is first brought to the reconciled record: members that a branch
    generated are then in all of them, and the merge is one of edits.

    Args:
        project: the folder of the project.
        answers: the reconciled record of the project.
        paths: the unmerged files; those that are not generated are left alone.
    """
    wanted = _only(component_files(answers, *answers.components), paths)
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
    notes = [f"{path}: both branches changed the same member; resolve it" for path in unclear]
    return {p: text for p, text in merge.contents.items() if p not in unclear}, sorted(notes)


def _commits(project: Path) -> list[str]:
    """Return the common commit, ours and theirs of the unfinished merge, rebase or cherry-pick."""
    for head in ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REBASE_HEAD"):
        if run_git("rev-parse", "--quiet", "--verify", head, cwd=project).returncode == 0:
            merging = head == "MERGE_HEAD"
            base = git("merge-base", "HEAD", head, cwd=project).decode() if merging else f"{head}^"
            return [base.strip(), "HEAD", head]
    return ["HEAD"] * 3


def _stage(
    project: Path, folder: Path, commit: str, number: int, answers: Answers, wanted: Files
) -> Files:
    """Return the files of one of git's three versions, brought to the reconciled record."""
    shown = {path: run_git("show", f":{number}:./{path}", cwd=project) for path in wanted}
    files = {path: done.stdout.decode() for path, done in shown.items() if not done.returncode}
    record = run_git("show", f"{commit}:./{ANSWERS_FILE}", cwd=project).stdout.decode()
    write_files(folder, files | ({ANSWERS_FILE: record} if record else {}))
    recorded = read_answers(folder)
    if recorded is None:
        return {}
    recorded = replace(recorded, project_fragments=answers.project_fragments)
    before = _only(component_files(recorded, *recorded.components), files)
    merge = merge_files(folder, before, _only(wanted, before), "semantic")
    conflicts = {place.path for place in merge.conflicts}
    return {
        path: text.decode()
        for path, text in merge.contents.items()
        if text is not None and path not in conflicts
    }


def _only(files: Files, paths: Container[str]) -> Files:
    return {path: text for path, text in files.items() if path in paths}
