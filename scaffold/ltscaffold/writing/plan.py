"""A plan: all changes of a command, computed before the first write."""

import difflib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ltscaffold.errors import ScaffoldError

NEW_FILE = 0o644
Action = Literal["create", "change", "delete"]


@dataclass(frozen=True)
class Change:
    """The change of one file.

    Attributes:
        path: relative to the project, with slashes.
        before: the current content; None: the file does not exist.
        after: the new content; None: the file is deleted.
        mode: its permissions; the umask decides those of a new file.
    """

    path: str
    before: bytes | None
    after: bytes | None
    mode: int = NEW_FILE

    @property
    def action(self) -> Action:
        """The action on the file."""
        if self.before is None:
            return "create"
        return "delete" if self.after is None else "change"

    def diff(self) -> str:
        """Return the change as a patch for `git apply`."""
        old, new = quote_path(f"a/{self.path}"), quote_path(f"b/{self.path}")
        mode = "100755" if self.mode & 0o100 else "100644"
        header = {"create": f"new file mode {mode}\n", "delete": f"deleted file mode {mode}\n"}
        lines = difflib.unified_diff(
            split_lines(self.before),
            split_lines(self.after),
            "/dev/null" if self.before is None else old,
            "/dev/null" if self.after is None else new,
        )
        hunks = "".join(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
            for line in lines
        )
        return f"diff --git {old} {new}\n{header.get(self.action, '')}{hunks}"


@dataclass(frozen=True)
class SourceLocation:
    """A line that the user must look at.

    Attributes:
        path: the file, relative to the project.
        line: number of the line from 1, in the file after the command.
        message: why.
    """

    path: str
    line: int
    message: str


@dataclass(frozen=True)
class Plan:
    """The changes of a command.

    Attributes:
        command: for messages, such as "new-task mine".
        changes: one per file, sorted by path.
        conflicts: lines with conflict markers.
        reviews: lines where an edit is kept that the template changed too.
        notes: further remarks for the user.
        next_steps: shell commands to run next, in the folder of the project.
        undoes: the entry of the history that the plan reverts and removes.
        created: the folders that it creates, outer ones first; None until it is executed.
    """

    command: str
    changes: list[Change] = field(default_factory=list)
    conflicts: list[SourceLocation] = field(default_factory=list)
    reviews: list[SourceLocation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    next_steps: list[str] = field(default_factory=list)
    undoes: str | None = None
    created: list[str] | None = None

    def diff(self) -> str:
        """Return all changes as one patch."""
        return "".join(change.diff() for change in self.changes)


def compute_changes(project: Path, contents: Mapping[str, bytes | None]) -> list[Change]:
    """Return the changes that give files new contents; equal contents yield none.

    Args:
        project: the folder of the project.
        contents: the new contents by path; None deletes a file.

    Raises:
        ScaffoldError: if a path cannot be a file of the project.
    """
    changes = []
    for path, after in sorted(contents.items()):
        check_path(project, path)
        before = read(project, path)
        if before != after:
            mode = (
                (project / path).stat().st_mode & 0o777 if (project / path).exists() else NEW_FILE
            )
            changes.append(Change(path, before, after, mode))
    return changes


_CONTENTS = ContextVar[dict[str, bytes | None] | None]("_CONTENTS", default=None)


@contextmanager
def consistent_reads() -> Iterator[None]:
    """Within the context, `read` returns the content of a file at its first call.

    So all parts of a plan agree, and a save by an editor in the meantime is noticed on writing.
    """
    token = _CONTENTS.set({})
    try:
        yield
    finally:
        _CONTENTS.reset(token)


def read(project: Path, path: str) -> bytes | None:
    """Return the content of a file, or None if it does not exist.

    Args:
        project: the folder of the project.
        path: relative to the project.

    Raises:
        ScaffoldError: if it is not readable.
    """
    # A project has thousands of files: os.path takes a tenth of the time of pathlib.
    known, place = _CONTENTS.get(), os.path.join(os.path.abspath(project), path)
    if known is not None and place in known:
        return known[place]
    try:
        with open(place, "rb") as file:
            content = file.read()
    except (FileNotFoundError, NotADirectoryError):
        content = None
    except OSError as error:
        raise ScaffoldError(
            f"cannot read {path}: {error.strerror}; change its permissions or move it"
        ) from None
    if known is not None:
        known[place] = content
    return content


def user_folder(purpose: str, folder: Path) -> Path:
    """Return a folder of the user, created for its owner alone if it does not exist.

    Args:
        purpose: "cache", "config" or "state".
        folder: its path.

    Raises:
        ScaffoldError: if it cannot be created, or another user owns the cache or the config.
    """
    try:
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        foreign = purpose != "state" and folder.stat().st_uid != os.geteuid()
        reason = "another user owns it" if foreign else None
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise ScaffoldError(
            f"cannot write to the {purpose} folder {folder} ({reason}); "
            f"set XDG_{purpose.upper()}_HOME to a writable folder"
        )
    return folder


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write texts into a folder that is not a project: without a journal and without undo.

    Args:
        folder: an existing or a new folder.
        files: texts by path relative to the folder.
    """
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8", errors="surrogateescape")


def check_not_taken(
    project: Path, paths: Iterable[str], alternative: str = "or choose another name or folder"
) -> None:
    """Check that the files to create do not exist.

    Args:
        project: the folder of the project.
        paths: the files, relative to the project.
        alternative: what the user can do besides moving them, with `{}` for "it" or "them".

    Raises:
        ScaffoldError: naming all that exist.
    """
    taken = sorted(
        path for path in paths if os.path.lexists(project / path) or read(project, path) is not None
    )
    if taken:
        exist, them = ("exist and were", "them") if taken[1:] else ("exists and was", "it")
        raise ScaffoldError(
            f"{', '.join(taken)} {exist} not generated by ltscaffold; "
            f"move or rename {them}, {alternative.format(them)}"
        )


def check_path(project: Path, path: str) -> None:
    """Check that a path is, or can become, a regular file inside the project.

    Args:
        project: the folder of the project.
        path: relative to the project; the file need not exist.

    Raises:
        ScaffoldError: for a folder, a link, or a path through a file or out of the project.
    """
    for parent in Path(path).parents:
        if os.path.lexists(project / parent) and not (project / parent).is_dir():
            folder = project / parent if parent == Path() else parent
            raise ScaffoldError(f"'{folder}' is a file, not a folder; move or rename it")
    if not (project / path).resolve().is_relative_to(project.resolve()):
        raise ScaffoldError(
            f"'{path}' is outside the project, by a symbolic link; replace the link"
        )
    if (project / path).is_symlink():
        raise ScaffoldError(f"'{path}' is a symbolic link, not a file; move or rename it")
    if (project / path).is_dir():
        raise ScaffoldError(f"'{path}' is a folder, not a file; move or rename it")


def split_lines(content: bytes | None) -> list[str]:
    """Return the lines of a content with their ends, split at LF only, as git does.

    Args:
        content: the bytes of a file, or None for no lines. A byte that is not UTF-8 becomes a
            surrogate.
    """
    return re.findall(r"[^\n]*\n|[^\n]+", (content or b"").decode("utf-8", "surrogateescape"))


def quote_path(path: str) -> str:
    """Return a path as git quotes it in a patch, with octal escapes."""
    if all(char.isprintable() and char.isascii() and char not in '"\\' for char in path):
        return path
    escaped = (
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03o}"
        for byte in path.encode("utf-8", "surrogateescape")
    )
    return f'"{"".join(escaped)}"'
