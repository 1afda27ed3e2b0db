"""Atomic execution of a plan, with a lock, a journal and a history for undo.

The journal holds the plan and is on disk before the first file changes. A file is moved away before
its successor takes its name, and compared with what the plan was made from. Until the journal is
renamed, an error, a save in between or a kill rolls everything back, in the next command at the
latest.
"""

import errno
import fcntl
import os
import pwd
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from ltscaffold.errors import EditLossError, ScaffoldError
from ltscaffold.record.answers import ANSWERS_FILE
from ltscaffold.writing.discarded import Discarded
from ltscaffold.writing.lock import file_lock
from ltscaffold.writing.plan import NEW_FILE, Change, Plan, consistent_reads, read
from ltscaffold.writing.state import (
    backup_of,
    claim_state,
    committed_in,
    content_of,
    find_state,
    history_in,
    journal_in,
    read_plan,
    record_location,
    staging_of,
    state_folder,
    write_all,
    write_plan,
)

HISTORY_LENGTH = 50
"""Number of commands that can be undone."""
UNCHANGED = "nothing was changed"
MARKER = ".ltscaffold-running"
"""An empty file in the project while its files change, for those who cannot see the journal."""


@contextmanager
def project_lock(project: Path) -> Iterator[None]:
    """Wait for the lock of a project, recover from an interrupted command, and hold the lock.

    A lock on the folder excludes all users. Where the folder does not exist yet or its file system
    does not lock folders, a lock in the state folder excludes other commands of the same user.

    Raises:
        ScaffoldError: if the state cannot be written, or the command cannot be rolled back.
    """
    with ExitStack() as stack:
        with suppress(OSError):
            descriptor = os.open(project, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            state = claim_state(project)
        except OSError as error:
            raise ScaffoldError(f"cannot write {_reason(error)}; {UNCHANGED}") from None
        stack.enter_context(file_lock(state / "lock"))
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
    """Recover from an interrupted command, if any; raises the errors of `recover`."""
    if is_interrupted(project):
        with project_lock(project):
            pass


def is_interrupted(project: Path) -> bool:
    """Return whether a command, also one of another user, has left a journal or its marker."""
    state = find_state(project)
    pending = [journal_in(state), committed_in(state)] if state else []
    return any(path.is_file() for path in pending) or os.path.lexists(project / MARKER)


def apply(project: Path, make_plan: Callable[[], Plan]) -> Plan:
    """Make a plan under the lock, execute it and return it; raises the errors of `commit`."""
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
        write_plan(_journal(project), plan)
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
        EditLossError: if a file was saved twice; both saves are kept.
        ScaffoldError: if a file cannot be restored.
    """
    if _journal(project).is_file():
        plan = read_plan(_journal(project))
        outcome = _roll_back(project, plan)
        if _journal(project).is_file():
            raise ScaffoldError(f"'{plan.command}' was interrupted; {outcome}")
        if outcome != UNCHANGED:
            raise EditLossError(f"'{plan.command}' was interrupted and rolled back; {outcome}", "")
    elif _committed(project).is_file():
        plan = read_plan(_committed(project))
        try:
            _clean_up(project, plan)
        except OSError as error:
            raise ScaffoldError(
                f"cannot clean up after '{plan.command}': {_reason(error)}; "
                "the next command tries again"
            ) from None
    if os.path.lexists(project / MARKER):
        owner = _owner(project / MARKER)
        raise ScaffoldError(
            f"a command of {owner} was interrupted in this project: roll it back with `ltscaffold "
            f"status` as {owner}, in the folder where it ran; or restore the files, then delete "
            f"{MARKER}"
        )


def last_command(project: Path) -> tuple[str, Plan] | None:
    """Return name and plan of the newest entry of the history, or None if it is empty."""
    state = find_state(project)
    entries = history_in(state) if state else []
    return (entries[-1].name, read_plan(entries[-1])) if entries else None


def _replace_all(project: Path, plan: Plan) -> None:
    """Write all contents to temporary files, then exchange the files.

    Raises:
        EditLossError: if a file is not the one that the plan was made from.
    """
    for folder in plan.created or ():
        (project / folder).mkdir(exist_ok=True)
    record_location(project)
    (project / MARKER).touch()
    write_all({staging_of(project / c.path): c.after for c in plan.changes if c.after is not None})
    for change in plan.changes:
        if change.after is not None and (change.before is not None or change.mode != NEW_FILE):
            staging_of(project / change.path).chmod(change.mode)
    for change in plan.changes:
        target = project / change.path
        if change.before is not None:
            with suppress(FileNotFoundError):  # _check_backup reports it
                os.replace(target, backup_of(target))
            _check_backup(target, change)
        if change.after is not None and not _give_name(staging_of(target), target):
            raise _saved_meanwhile(change, content_of(target))
    for change in plan.changes:  # again: an editor may have had the file open
        if change.before is not None:
            _check_backup(project / change.path, change)


def _check_backup(target: Path, change: Change) -> None:
    now = content_of(backup_of(target))
    if now != change.before:
        raise _saved_meanwhile(change, now)


def _saved_meanwhile(change: Change, now: bytes | None) -> EditLossError:
    edit = Change(change.path, change.before, now)
    verb = "deleted" if now is None else "saved"
    return EditLossError(
        f"{change.path} was {verb} while the command ran, run it again", edit.diff()
    )


def _roll_back(project: Path, plan: Plan) -> str:
    """Restore all files of a plan and delete its journal; return the state of the project.

    The journal stays if a file cannot be restored.
    """
    if not _journal(project).is_file():  # not begun, or committed
        return UNCHANGED
    failures, discarded = list[str](), Discarded()
    has_begun = os.path.lexists(project / MARKER)  # or a user has restored the files
    for change in plan.changes if has_begun else ():
        try:
            _restore(project / change.path, change, discarded)
        except OSError as error:
            failures.append(f"cannot restore {_reason(error)}")
    if not failures:
        try:
            (project / MARKER).unlink(missing_ok=True)
        except OSError as error:
            failures.append(f"cannot remove {_reason(error)}")
    for folder in reversed(plan.created or []):
        try:
            (project / folder).rmdir()
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST):
                failures.append(f"cannot remove {_reason(error)}")
    if not failures:
        with suppress(OSError):  # rolled back again by the next command, without effect
            _journal(project).unlink()
    outcome = [f"an earlier save is in {path}" for path in discarded.close()]
    if failures:
        outcome += [failures[0], "the next command tries again"]
    return "; ".join(outcome) or UNCHANGED


def _restore(target: Path, change: Change, discarded: Discarded) -> None:
    """Undo a change from whichever step it has reached; a save since then keeps the name."""
    staging, backup = staging_of(target), backup_of(target)
    if change.after is not None and _is_exchanged(target, change):
        staging.unlink(missing_ok=True)  # a link to target: a rename would do nothing
        os.replace(target, staging)
        if content_of(staging) != change.after:
            _give_name(staging, target)
        discarded.discard(staging, target, change.after)
    if backup.exists():
        _give_name(backup, target)
        discarded.discard(backup, target, change.before)
    staging.unlink(missing_ok=True)


def _is_exchanged(target: Path, change: Change) -> bool:
    """Return whether a file is the one that the plan put there, unchanged."""
    staging = staging_of(target)
    if content_of(target) != change.after:
        return False
    if staging.exists():
        return staging.samefile(target)
    return change.before is None or backup_of(target).exists()


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
    discarded = Discarded()
    for change in plan.changes:
        target = project / change.path
        discarded.discard(backup_of(target), target, change.before)
        staging_of(target).unlink(missing_ok=True)
    (project / MARKER).unlink(missing_ok=True)
    _remove_folders(project, plan)
    _move_to_history(project, plan)
    saves = discarded.close()
    if saves:
        paths = ", ".join(path.relative_to(project).as_posix() for path in saves)
        raise EditLossError(
            f"'{plan.command}' is complete, but a file was saved as it ended: see {paths}", ""
        )


def _remove_folders(project: Path, plan: Plan) -> None:
    """Remove folders that a plan has emptied; an undo only those that the command created."""
    created = None
    if plan.undoes is not None:
        undone = state_folder(project) / "history" / plan.undoes
        created = read_plan(undone).created if undone.exists() else []
    for change in plan.changes:
        for parent in [*Path(change.path).parents][:-1] if change.after is None else ():
            if created is None or str(parent) in created:
                with suppress(OSError):  # not empty
                    _remove_byte_code(project / parent)
                    (project / parent).rmdir()


def _remove_byte_code(folder: Path) -> None:
    """Remove the byte code in a folder that has nothing else."""
    cache = folder / "__pycache__"
    if os.listdir(folder) == [cache.name] and all(e.suffix == ".pyc" for e in cache.iterdir()):
        shutil.rmtree(cache)


def _move_to_history(project: Path, plan: Plan) -> None:
    """Move the journal to the history; that of an undo is deleted, with the undone entry."""
    entries, history = history_in(state_folder(project)), state_folder(project) / "history"
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


def _owner(path: Path) -> str:
    """Return the user who owns a file, by name if it has one."""
    number = path.lstat().st_uid
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def _reason(error: OSError) -> str:
    """Return path and reason of an error."""
    reason = error.strerror or os.strerror(error.errno or 0)
    return f"{error.filename}: {reason}" if error.filename else f"a file: {reason}"


def _journal(project: Path) -> Path:
    return journal_in(state_folder(project))


def _committed(project: Path) -> Path:
    return committed_in(state_folder(project))
