"""Atomic execution of a plan, with a lock, a journal and a history for undo.

The journal holds the plan and is on disk before the first file changes. An error rolls the changes
back. A killed process leaves its journal, and the next command completes the plan. Lock, journal
and history are in the user's state folder, not in the project.
"""

import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock
from platformdirs import user_state_path

from ltscaffold.errors import ScaffoldError
from ltscaffold.record.answers import ANSWERS_FILE
from ltscaffold.writing.plan import NEW_FILE, Change, Plan, read, user_folder

HISTORY_LENGTH = 50
"""Number of commands that can be undone."""


@contextmanager
def project_lock(project: Path) -> Iterator[None]:
    """Hold the lock of a project, after completing an interrupted command."""
    history = user_folder("state", state_folder(project) / "history")
    with FileLock(history.with_name("lock")):
        recover(project)
        yield


def preview(project: Path, make_plan: Callable[[], Plan]) -> Plan:
    """Return a plan without executing it; nothing is written, not even a lock.

    Raises:
        ScaffoldError: if an interrupted command is pending.
    """
    if is_interrupted(project):
        raise ScaffoldError(
            "a command was interrupted; complete it with `ltscaffold status`, then try again"
        )
    return make_plan()


def finish_interrupted(project: Path) -> None:
    """Complete an interrupted command, if any."""
    if is_interrupted(project):
        with project_lock(project):
            pass


def is_interrupted(project: Path) -> bool:
    """Return whether a command was killed while writing and is not completed yet."""
    return _journal(project).is_file()


def apply(project: Path, make_plan: Callable[[], Plan]) -> Plan:
    """Make a plan under the lock, execute it and return it."""
    with project_lock(project):
        plan = make_plan()
        if plan.changes or plan.undoes:
            commit(project, plan)
    return plan


def commit(project: Path, plan: Plan) -> None:
    """Execute a plan; the caller holds `project_lock`.

    Raises:
        ScaffoldError: if a file cannot be written; all changes are rolled back.
    """
    try:
        _write_journal(project, plan)
        rollback = ExitStack()
        try:
            _replace_all(project, plan.changes, rollback)
        except BaseException:
            rollback.close()
            _journal(project).unlink()
            raise
    except OSError as error:
        path = error.filename or project
        reason = error.strerror or os.strerror(error.errno or errno.EIO)
        raise ScaffoldError(f"cannot write {path}: {reason}; nothing was changed") from None
    _clean_up(project, plan)


def recover(project: Path) -> None:
    """Complete the plan of a killed command, except for files that were edited since.

    Raises:
        ScaffoldError: if a file cannot be written.
    """
    if not is_interrupted(project):
        return
    plan = _read_plan(_journal(project))
    try:
        unfinished = [change for change in plan.changes if _is_unfinished(project, change)]
        _replace_all(project, unfinished, ExitStack())  # never closed: no rollback
        _clean_up(project, plan)
    except OSError as error:
        raise ScaffoldError(
            f"'{plan.command}' was interrupted and cannot be completed: "
            f"{error.filename}: {error.strerror}"
        ) from None


def last_command(project: Path) -> tuple[str, Plan] | None:
    """Return name and plan of the newest entry of the history, or None if it is empty."""
    entries = _history(project)
    return (entries[-1].name, _read_plan(entries[-1])) if entries else None


def state_folder(project: Path) -> Path:
    """Return the folder of a project's lock, journal and history."""
    digest = hashlib.sha256(str(project.resolve()).encode()).hexdigest()[:16]
    return user_state_path("ltscaffold") / digest


def _replace_all(project: Path, changes: list[Change], rollback: ExitStack) -> None:
    """Write all contents to temporary files, then rename; `rollback` reverts each step."""
    for change in changes:
        if change.after is not None:
            _stage(project, change, change.after, rollback)
    for change in changes:
        target = project / change.path
        if target.exists():
            os.replace(target, _backup(target))
            rollback.callback(os.replace, _backup(target), target)
        if change.after is not None:
            rollback.callback(target.unlink, missing_ok=True)
            os.replace(_staging(target), target)


def _stage(project: Path, change: Change, content: bytes, rollback: ExitStack) -> None:
    target = project / change.path
    for parent in reversed(target.relative_to(project).parents):
        if not (project / parent).exists():
            (project / parent).mkdir()
            rollback.callback((project / parent).rmdir)
    rollback.callback(_staging(target).unlink, missing_ok=True)
    _write(_staging(target), content)
    if change.before is not None or change.mode != NEW_FILE:
        _staging(target).chmod(change.mode)


def _is_unfinished(project: Path, change: Change) -> bool:
    """Return whether a change is pending; a file edited since then is left alone."""
    target, now = project / change.path, read(project, change.path)
    if now == change.after and not _backup(target).exists():
        return False
    return now in (change.before, change.after) or (now is None and _backup(target).exists())


def _clean_up(project: Path, plan: Plan) -> None:
    """Remove temporary files and empty folders; move the journal to the history."""
    for change in plan.changes:
        target = project / change.path
        _backup(target).unlink(missing_ok=True)
        _staging(target).unlink(missing_ok=True)
        if change.after is None:
            for parent in list(target.relative_to(project).parents)[:-1]:
                with suppress(OSError):  # not empty
                    (project / parent).rmdir()
    history = state_folder(project) / "history"
    if plan.undoes is not None:
        (history / plan.undoes).unlink(missing_ok=True)
        _journal(project).unlink()
        return
    entries = _history(project)
    if any(change.path == ANSWERS_FILE and change.before is None for change in plan.changes):
        while entries:  # of a former project in the folder
            entries.pop().unlink()
    number = int(entries[-1].stem) + 1 if entries else 1
    os.replace(_journal(project), history / f"{number:06}.json")
    for entry in entries[: 1 - HISTORY_LENGTH]:
        entry.unlink()


def _write_journal(project: Path, plan: Plan) -> None:
    changes = [asdict(change) for change in plan.changes]
    record = {"command": plan.command, "undoes": plan.undoes, "changes": changes}
    journal = _journal(project)
    _write(_staging(journal), json.dumps(record, default=_decode).encode())
    os.replace(_staging(journal), journal)
    folder = os.open(journal.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def _read_plan(journal: Path) -> Plan:
    record = json.loads(journal.read_text())
    changes = [
        Change(**(change | {name: _encode(change[name]) for name in ("before", "after")}))
        for change in record["changes"]
    ]
    return Plan(record["command"], changes, undoes=record["undoes"])


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _decode(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _encode(text: str | None) -> bytes | None:
    return None if text is None else text.encode("utf-8", "surrogateescape")


def _journal(project: Path) -> Path:
    return state_folder(project) / "journal.json"


def _history(project: Path) -> list[Path]:
    return sorted((state_folder(project) / "history").glob("*.json"))


def _staging(target: Path) -> Path:
    return target.with_name(f".{target.name}.ltscaffold-new")


def _backup(target: Path) -> Path:
    return target.with_name(f".{target.name}.ltscaffold-old")
