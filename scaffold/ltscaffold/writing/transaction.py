"""Atomic execution of a plan, with a lock, a journal and a history for undo.

The journal holds the plan and is on disk before the first file changes. A file is moved away before
its successor takes its name, and compared with what the plan was made from. Until the journal is
renamed, an error, a save in between or a kill rolls everything back, in the next command at the
latest. Lock, journal and history are in the user's state folder, not in the project.
"""

import errno
import hashlib
import json
import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock
from platformdirs import user_state_path

from ltscaffold.errors import EditLossError, ScaffoldError
from ltscaffold.record.answers import ANSWERS_FILE
from ltscaffold.writing.plan import NEW_FILE, Change, Plan, consistent_reads, read, user_folder

HISTORY_LENGTH = 50
"""Number of commands that can be undone."""
OPEN_FILES = 200
"""Number of files that are held open at once."""
COPY_SUFFIX = ".ltscaffold-saved"
"""Added to the name of a file that was saved twice: of the copy with the earlier save."""


@contextmanager
def project_lock(project: Path) -> Iterator[None]:
    """Hold the lock of a project, after recovering from an interrupted command."""
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
            "a command was interrupted; recover with `ltscaffold status`, then try again"
        )
    return make_plan()


def finish_interrupted(project: Path) -> None:
    """Recover from an interrupted command, if any."""
    if is_interrupted(project):
        with project_lock(project):
            pass


def is_interrupted(project: Path) -> bool:
    """Return whether a command has left a journal or temporary files."""
    return _journal(project).is_file() or _committed(project).is_file()


def apply(project: Path, make_plan: Callable[[], Plan]) -> Plan:
    """Make a plan under the lock, execute it and return it."""
    with project_lock(project), consistent_reads():
        read(project, ANSWERS_FILE)  # before the record is parsed
        plan = make_plan()
        if plan.changes or plan.undoes:
            commit(project, plan)
    return plan


def commit(project: Path, plan: Plan) -> None:
    """Execute a plan; the caller holds `project_lock`.

    Raises:
        EditLossError: if a file was saved since the plan was made; all changes are rolled back.
        ScaffoldError: if a file cannot be written; all changes are rolled back.
    """
    plan = replace(plan, created=_missing_folders(project, plan.changes))
    try:
        _write_journal(project, plan)
        _replace_all(project, plan)
        os.replace(_journal(project), _committed(project))
    except OSError as error:
        raise ScaffoldError(f"cannot write {_reason(error)}; {_roll_back(project, plan)}") from None
    except EditLossError as error:
        raise EditLossError(f"{error}; {_roll_back(project, plan)}", error.diff) from None
    except BaseException:
        _roll_back(project, plan)
        raise
    with suppress(OSError):  # the next command cleans up
        _clean_up(project, plan)


def recover(project: Path) -> None:
    """Roll the plan of a killed command back, or clean up after it; edits since then are kept.

    Raises:
        ScaffoldError: if a file cannot be restored.
    """
    if _journal(project).is_file():
        plan = _read_plan(_journal(project))
        outcome = _roll_back(project, plan)
        if _journal(project).is_file():
            raise ScaffoldError(f"'{plan.command}' was interrupted; {outcome}")
    elif _committed(project).is_file():
        plan = _read_plan(_committed(project))
        try:
            _clean_up(project, plan)
        except OSError as error:
            raise ScaffoldError(
                f"cannot clean up after '{plan.command}': {_reason(error)}"
            ) from None


def last_command(project: Path) -> tuple[str, Plan] | None:
    """Return name and plan of the newest entry of the history, or None if it is empty."""
    entries = _history(project)
    return (entries[-1].name, _read_plan(entries[-1])) if entries else None


def state_folder(project: Path) -> Path:
    """Return the folder of a project's lock, journal and history."""
    digest = hashlib.sha256(os.fsencode(project.resolve())).hexdigest()[:16]
    return user_state_path("ltscaffold") / digest


def _replace_all(project: Path, plan: Plan) -> None:
    """Write all contents to temporary files, then exchange the files.

    Raises:
        EditLossError: if a file is not the one that the plan was made from.
    """
    for folder in plan.created or ():
        (project / folder).mkdir(exist_ok=True)
    for change in plan.changes:
        if change.after is not None:
            staging = _staging(project / change.path)
            _write(staging, change.after)
            if change.before is not None or change.mode != NEW_FILE:
                staging.chmod(change.mode)
    for change in plan.changes:
        target = project / change.path
        if change.before is not None:
            with suppress(FileNotFoundError):  # _check_backup reports it
                os.replace(target, _backup(target))
            _check_backup(target, change)
        if change.after is not None and not _give_name(_staging(target), target):
            raise _saved_meanwhile(change, _content(target))
    for change in plan.changes:  # again: an editor may have had the file open
        if change.before is not None:
            _check_backup(project / change.path, change)


def _check_backup(target: Path, change: Change) -> None:
    now = _content(_backup(target))
    if now != change.before:
        raise _saved_meanwhile(change, now)


def _saved_meanwhile(change: Change, now: bytes | None) -> EditLossError:
    edit = Change(change.path, change.before, now)
    verb = "deleted" if now is None else "saved"
    return EditLossError(f"{change.path} was {verb} while the command ran", edit.diff())


def _roll_back(project: Path, plan: Plan) -> str:
    """Restore all files of a plan and delete its journal; return the state of the project.

    The journal stays if a file cannot be restored.
    """
    if not _journal(project).is_file():  # not begun, or committed
        return "nothing was changed"
    failures, saves = list[str](), list[Path]()
    for change in plan.changes:
        try:
            saves += _restore(project / change.path, change)
        except OSError as error:
            failures.append(f"cannot restore {_reason(error)}")
    for folder in reversed(plan.created or []):
        try:
            (project / folder).rmdir()
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST):
                failures.append(f"cannot remove {_reason(error)}")
    if failures:
        return f"{failures[0]}; the next command tries again"
    with suppress(OSError):  # rolled back again by the next command, without effect
        _journal(project).unlink()
    return f"an earlier save is in {saves[0]}" if saves else "nothing was changed"


def _restore(target: Path, change: Change) -> list[Path]:
    """Undo a change from whichever step it has reached; a save since then keeps the name.

    Returns:
        The file that holds an earlier save, if there were two.
    """
    staging, backup = _staging(target), _backup(target)
    if change.after is not None and _is_exchanged(target, change):
        staging.unlink(missing_ok=True)  # a link to target: a rename would do nothing
        os.replace(target, staging)
        if _content(staging) != change.after:
            _give_name(staging, target)
    saves = []
    if backup.exists():
        if not _give_name(backup, target) and _content(backup) != change.before:
            os.replace(backup, _copy(target))
            saves = [_copy(target)]
        backup.unlink(missing_ok=True)
    staging.unlink(missing_ok=True)
    return saves


def _is_exchanged(target: Path, change: Change) -> bool:
    """Return whether a file is the one that the plan put there, unchanged."""
    staging = _staging(target)
    if _content(target) != change.after:
        return False
    if staging.exists():
        return staging.samefile(target)
    return change.before is None or _backup(target).exists()


def _give_name(path: Path, name: Path) -> bool:
    """Name a file, as a second link where possible; return False if the name is taken."""
    try:
        os.link(path, name)
    except FileExistsError:
        return False
    except OSError:  # a file system without links
        if os.path.lexists(name):
            return False
        os.replace(path, name)
    return True


def _clean_up(project: Path, plan: Plan) -> None:
    """Remove temporary files and empty folders; move the journal to the history.

    Raises:
        EditLossError: if a file that was moved away has been saved.
    """
    opened, saves = deque[tuple[Change, BinaryIO]](), list[Path]()
    for change in plan.changes:
        target = project / change.path
        if change.before is not None and _backup(target).exists():
            opened.append((change, _backup(target).open("rb")))
            _backup(target).unlink()
        if len(opened) > OPEN_FILES:
            saves += _close(project, *opened.popleft())
        _staging(target).unlink(missing_ok=True)
    _remove_folders(project, plan)
    _move_to_history(project, plan)
    for each in opened:
        saves += _close(project, *each)
    if saves:
        paths = ", ".join(path.relative_to(project).as_posix() for path in saves)
        raise EditLossError(
            f"'{plan.command}' is complete, but a file was saved as it ended: see {paths}", ""
        )


def _close(project: Path, change: Change, moved: BinaryIO) -> list[Path]:
    """Close a deleted file; a save in it is written to the path that is returned."""
    with moved:
        now = moved.read()
    if now == change.before:
        return []
    copy = _copy(project / change.path)
    copy.parent.mkdir(parents=True, exist_ok=True)
    _write(copy, now)
    return [copy]


def _remove_folders(project: Path, plan: Plan) -> None:
    """Remove folders that a plan has emptied; an undo only those that the command created."""
    undone = None if plan.undoes is None else state_folder(project) / "history" / plan.undoes
    created = _read_plan(undone).created if undone and undone.exists() else None
    for change in plan.changes:
        for parent in [*Path(change.path).parents][:-1] if change.after is None else ():
            if created is None or str(parent) in created:
                with suppress(OSError):  # not empty
                    (project / parent).rmdir()


def _move_to_history(project: Path, plan: Plan) -> None:
    """Move the journal to the history; that of an undo is deleted, with the undone entry."""
    entries, history = _history(project), state_folder(project) / "history"
    if plan.undoes is not None:
        (history / plan.undoes).unlink(missing_ok=True)
        _committed(project).unlink()
        return
    if any(change.path == ANSWERS_FILE and change.before is None for change in plan.changes):
        while entries:  # of a former project in the folder
            entries.pop().unlink()
    number = int(entries[-1].stem) + 1 if entries else 1
    os.replace(_committed(project), history / f"{number:06}.json")
    for entry in entries[: 1 - HISTORY_LENGTH]:
        entry.unlink()


def _missing_folders(project: Path, changes: list[Change]) -> list[str]:
    """Return the folders to create for changes, outer ones first, the project's included."""
    parents = {
        parent
        for change in changes
        if change.after is not None
        for parent in Path(change.path).parents
        if not (project / parent).exists()
    }
    return [str(parent) for parent in sorted(parents)]


def _write_journal(project: Path, plan: Plan) -> None:
    changes = [asdict(change) for change in plan.changes]
    record = {
        "command": plan.command,
        "undoes": plan.undoes,
        "created": plan.created,
        "changes": changes,
    }
    journal = _journal(project)
    _write(_staging(journal), json.dumps(record, default=_decode).encode())
    os.replace(_staging(journal), journal)
    folder = os.open(journal.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read_plan(journal: Path) -> Plan:
    record = json.loads(journal.read_text())
    changes = [
        Change(**(change | {name: _encode(change[name]) for name in ("before", "after")}))
        for change in record["changes"]
    ]
    return Plan(record["command"], changes, undoes=record["undoes"], created=record.get("created"))


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _reason(error: OSError) -> str:
    """Return path and reason of an error."""
    reason = error.strerror or os.strerror(error.errno or 0)
    return f"{error.filename}: {reason}" if error.filename else f"a file: {reason}"


def _decode(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _encode(text: str | None) -> bytes | None:
    return None if text is None else text.encode("utf-8", "surrogateescape")


def _journal(project: Path) -> Path:
    """Return the journal of a plan that is rolled back unless it is committed."""
    return state_folder(project) / "journal.json"


def _committed(project: Path) -> Path:
    """Return the journal of a plan of which only temporary files are left."""
    return state_folder(project) / "committed.json"


def _history(project: Path) -> list[Path]:
    return sorted((state_folder(project) / "history").glob("*.json"))


def _staging(target: Path) -> Path:
    return target.with_name(f".{target.name}.ltscaffold-new")


def _backup(target: Path) -> Path:
    return target.with_name(f".{target.name}.ltscaffold-old")


def _copy(target: Path) -> Path:
    return target.with_name(f"{target.name}{COPY_SUFFIX}")
