"""All changes of a plan or none: under a lock, with a journal, and with a history to undo.

The journal holds the plan and is on disk before the first file changes. On an error the changes are
rolled back. Of a process that was killed, the journal is left; the next command then carries the
plan out. Lock, journal and history lie in the user's state folder, not in the project.
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
"""How many commands can be undone."""


@contextmanager
def project_lock(project: Path) -> Iterator[None]:
    """Let one command at a time write to a project, with nothing left half done before it."""
    history = user_folder("state", state_folder(project) / "history")
    with FileLock(history.with_name("lock")):
        recover(project)
        yield


def preview(project: Path, make_plan: Callable[[], Plan]) -> Plan:
    """Return a plan without carrying it out; nothing is written, not even a lock."""
    if is_interrupted(project):
        raise ScaffoldError(
            "a command was interrupted here: `ltscaffold status` finishes it; then try again"
        )
    return make_plan()


def finish_interrupted(project: Path) -> None:
    """Finish what a command that was killed had begun, if there is such."""
    if is_interrupted(project):
        with project_lock(project):
            pass


def is_interrupted(project: Path) -> bool:
    """Tell whether a command was killed while it wrote, and none has finished its work since."""
    return _journal(project).is_file()


def apply(project: Path, make_plan: Callable[[], Plan]) -> Plan:
    """Carry out a plan that is made when no other command is at work, and return it."""
    with project_lock(project):
        plan = make_plan()
        if plan.changes or plan.undoes:
            commit(project, plan)
    return plan


def commit(project: Path, plan: Plan) -> None:
    """Carry a plan out; call it in `locked`.

    Raises:
        ScaffoldError: if a file cannot be written; the tree is as it was before.
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
        place = error.filename or project
        reason = error.strerror or os.strerror(error.errno or errno.EIO)
        raise ScaffoldError(f"cannot write {place}: {reason}; nothing was changed") from None
    _clean_up(project, plan)


def recover(project: Path) -> None:
    """Carry out the plan of a command that was killed, but for files that were edited since."""
    if not is_interrupted(project):
        return
    plan = _read_plan(_journal(project))
    try:
        unfinished = [change for change in plan.changes if _is_unfinished(project, change)]
        _replace_all(project, unfinished, ExitStack())  # which is not closed: there is no way back
        _clean_up(project, plan)
    except OSError as error:
        raise ScaffoldError(
            f"'{plan.command}' was interrupted, and cannot be finished: "
            f"{error.filename}: {error.strerror}"
        ) from None


def last_command(project: Path) -> tuple[str, Plan] | None:
    """Return the entry of the history for the last command that was not undone, and its plan."""
    entries = _history(project)
    return (entries[-1].name, _read_plan(entries[-1])) if entries else None


def state_folder(project: Path) -> Path:
    """Return the folder with the lock, the journal and the history of a project."""
    digest = hashlib.sha256(str(project.resolve()).encode()).hexdigest()[:16]
    return user_state_path("ltscaffold") / digest


def _replace_all(project: Path, changes: list[Change], rollback: ExitStack) -> None:
    """Write all new contents beside their places, then rename; `rollback` gets the steps back."""
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
    """Tell whether a file is still to be changed; an edit since then makes it the user's."""
    target, now = project / change.path, read(project, change.path)
    if now == change.after and not _backup(target).exists():
        return False
    return now in (change.before, change.after) or (now is None and _backup(target).exists())


def _clean_up(project: Path, plan: Plan) -> None:
    """Remove what helped, and the folders that are empty now; move the journal to the history."""
    for change in plan.changes:
        target = project / change.path
        _backup(target).unlink(missing_ok=True)
        _staging(target).unlink(missing_ok=True)
        if change.after is None:
            for parent in list(target.relative_to(project).parents)[:-1]:
                with suppress(OSError):  # it holds something else
                    (project / parent).rmdir()
    history = state_folder(project) / "history"
    if plan.undoes is not None:
        (history / plan.undoes).unlink(missing_ok=True)
        _journal(project).unlink()
        return
    entries = _history(project)
    if any(change.path == ANSWERS_FILE and change.before is None for change in plan.changes):
        while entries:  # of a project that was here before
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
