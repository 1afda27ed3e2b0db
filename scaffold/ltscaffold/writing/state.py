"""The state of a project: lock, journal and history, in the user's state folder.

The state records where its project is. A project that was moved finds it by the inode of its folder
or, on another file system, by its answers file; a copy does not while the original is in its place.
"""

import hashlib
import itertools
import json
import os
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from threading import Thread
from typing import NamedTuple

from platformdirs import user_state_path

from ltscaffold.record.answers import ANSWERS_FILE
from ltscaffold.writing.lock import file_lock
from ltscaffold.writing.plan import Change, Plan, user_folder

CONCURRENT_WRITES = 8
"""Number of files that are written and synced at once."""


class Location(NamedTuple):
    """Where a project is: its path, and the inode and the device of its folder."""

    path: str
    inode: int
    device: int


def state_folder(project: Path) -> Path:
    """Return the folder for the state of the project at a path."""
    digest = hashlib.sha256(os.fsencode(project.resolve())).hexdigest()[:16]
    return user_state_path("ltscaffold") / digest


def claim_state(project: Path) -> Path:
    """Bring the state of a moved project to the folder for its path; return the folder.

    Raises:
        OSError: if a file cannot be written.
        ScaffoldError: if the state folder of the user cannot be created.
    """
    own = state_folder(project)
    with file_lock(user_folder("state", own.parent) / "lock"):
        found = find_state(project)
        if found != own and own.exists():  # of a project that was here
            os.replace(own, own.with_name(f"{own.name}-{time.time_ns()}"))
        if found and found != own:
            os.replace(found, own)
        user_folder("state", own / "history")
        record_location(project)
    return own


def record_location(project: Path) -> None:
    """Record where a project is, once its folder exists."""
    own, here = state_folder(project), _locate(project)
    if here and here != _recorded(own):
        _replace(_location_file(own), json.dumps(here).encode())


def find_state(project: Path) -> Path | None:
    """Return the folder that holds the state of a project, which may have been moved since."""
    own, here = state_folder(project), _locate(project)
    recorded = _recorded(own)
    if own.is_dir() and recorded is None:  # new, or of an earlier ltscaffold
        return own
    if here is None:
        return None
    if recorded and (recorded.inode == here.inode or _fits(own, project, same_folder=False)):
        return own
    if not any(map(os.path.lexists, _names(project / ANSWERS_FILE))):
        return None  # a new project
    states = [file.parent for file in own.parent.glob(_location_file(Path("*")).as_posix())]
    for same_folder in (True, False):
        found = [
            state
            for state in states
            if (recorded := _recorded(state))
            and (recorded.inode == here.inode) == same_folder
            and _has_left(recorded, here)
            and _fits(state, project, same_folder)
        ]
        if found:
            return found[0] if len(found) == 1 else None
    return None


def _has_left(recorded: Location, here: Location) -> bool:
    """Return whether a recorded place no longer has the project, or is the place that asks."""
    place, there = Path(recorded.path), _locate(Path(recorded.path))
    if there == here:
        return True
    if there and there.inode == recorded.inode:
        return False
    if recorded.inode == here.inode:
        return True
    nearest = next(path for path in (place, *place.parents) if os.path.exists(path))
    is_mounted = nearest.stat().st_dev == recorded.device
    return is_mounted and not os.path.exists(place / ANSWERS_FILE)


def _fits(state: Path, project: Path, same_folder: bool) -> bool:
    """Return whether a project has files as the commands of a state left or found them.

    One file is enough in the same folder, since a deleted project's inode is used again; elsewhere
    it is the newest answers file.
    """
    for pending in (journal_in(state), committed_in(state)):
        if pending.is_file():
            paths = [project / change.path for change in read_plan(pending).changes]
            return any(name.exists() for path in paths for name in _names(path)[1:])
    entries = reversed(history_in(state))
    changes = (change for entry in entries for change in read_plan(entry).changes)
    answers = itertools.islice(filter(lambda change: change.path == ANSWERS_FILE, changes), 1)
    return any(
        content_of(project / change.path) in {change.before, change.after} - {None}
        for change in (changes if same_folder else answers)
    )


def _locate(project: Path) -> Location | None:
    try:
        status = project.stat()
    except OSError:
        return None
    return Location(str(project.resolve()), status.st_ino, status.st_dev)


def _recorded(state: Path) -> Location | None:
    recorded = content_of(_location_file(state))
    return Location(*json.loads(recorded)) if recorded else None


def _location_file(state: Path) -> Path:
    return state / "project.json"


def journal_in(state: Path) -> Path:
    """Return the journal of a plan that is rolled back unless it is committed."""
    return state / "journal.json"


def committed_in(state: Path) -> Path:
    """Return the journal of a plan of which only temporary files are left."""
    return state / "committed.json"


def history_in(state: Path) -> list[Path]:
    """Return the entries of the history, oldest first."""
    return sorted((state / "history").glob("*.json"))


def write_plan(path: Path, plan: Plan) -> None:
    """Write a plan without its remarks and next steps; a file that exists is complete."""
    changes = [asdict(change) for change in plan.changes]
    record = {
        "command": plan.command,
        "undoes": plan.undoes,
        "created": plan.created,
        "changes": changes,
    }
    _replace(path, json.dumps(record, default=_decode).encode())
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_plan(path: Path) -> Plan:
    """Return the plan that `write_plan` has written, without remarks and next steps."""
    record = json.loads(path.read_text())
    changes = [
        Change(**(change | {name: _encode(change[name]) for name in ("before", "after")}))
        for change in record["changes"]
    ]
    return Plan(record["command"], changes, undoes=record["undoes"], created=record.get("created"))


def _replace(path: Path, new: bytes) -> None:
    """Write a file of the state as a whole."""
    write(staging_of(path), new)
    os.replace(staging_of(path), path)


def write(path: Path, new: bytes) -> None:
    """Write a file and sync it to disk."""
    with path.open("wb") as stream:
        stream.write(new)
        stream.flush()
        os.fsync(stream.fileno())


def write_all(contents: Mapping[Path, bytes]) -> None:
    """Write files and sync them to disk, several at once, which a disk does as fast as one.

    Raises:
        OSError: if a file cannot be written; no thread writes any more.
    """
    pending, errors = deque(contents.items()), list[BaseException]()

    def work() -> None:
        with suppress(IndexError):  # no more files
            while not errors:
                path, new = pending.popleft()
                try:
                    write(path, new)
                except BaseException as error:
                    errors.append(error)

    threads = [Thread(target=work) for _ in range(min(len(contents), CONCURRENT_WRITES))]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    except BaseException:  # an interrupt; the caller rolls back
        pending.clear()
        for thread in filter(Thread.is_alive, threads):
            thread.join()
        raise
    if errors:
        raise errors[0]


def content_of(path: Path) -> bytes | None:
    """Return the content of a file; None if it does not exist."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def staging_of(target: Path) -> Path:
    """Return the temporary name of a file's new content."""
    return target.with_name(f".{target.name}.ltscaffold-new")


def backup_of(target: Path) -> Path:
    """Return the temporary name of a file that makes room for its successor."""
    return target.with_name(f".{target.name}.ltscaffold-old")


def _names(target: Path) -> list[Path]:
    return [target, staging_of(target), backup_of(target)]


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


def _encode(text: str | None) -> bytes | None:
    return None if text is None else text.encode("utf-8", "surrogateescape")
