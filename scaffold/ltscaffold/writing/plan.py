"""A plan: what a command changes, decided in full before the first file is touched."""

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ltscaffold.errors import ScaffoldError

NEW_FILE = 0o644


@dataclass(frozen=True)
class Change:
    """What becomes of one file.

    Attributes:
        path: relative to the project, with slashes.
        before: the content now, or None if there is no file.
        after: the content to come, or None if the file goes.
        mode: its permissions; those of a new file are left to the umask.
    """

    path: str
    before: bytes | None
    after: bytes | None
    mode: int = NEW_FILE

    @property
    def action(self) -> str:
        """The word for it: create, change or delete."""
        if self.before is None:
            return "create"
        return "delete" if self.after is None else "change"

    def diff(self) -> str:
        """Return the change as `git apply` takes it."""
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
    """A line that somebody should look at, as it is after the command, and why."""

    path: str
    line: int
    message: str


@dataclass(frozen=True)
class Plan:
    """The changes of a command.

    Attributes:
        command: what is done, for messages: "new-task mine".
        changes: one a file, in the order of their paths.
        conflicts: where the template's change and an edit meet, with markers in the file.
        reviews: where an edit stayed, and the template's change may call for another.
        notes: what the user should know besides.
        next_steps: commands to type after it.
        undoes: the entry of the history that the plan takes back, which is then forgotten.
    """

    command: str
    changes: list[Change] = field(default_factory=list)
    conflicts: list[SourceLocation] = field(default_factory=list)
    reviews: list[SourceLocation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    next_steps: list[str] = field(default_factory=list)
    undoes: str | None = None

    def diff(self) -> str:
        """Return all changes as one patch."""
        return "".join(change.diff() for change in self.changes)


def compute_changes(project: Path, contents: Mapping[str, bytes | None]) -> list[Change]:
    """Return the changes that give files these contents; None stands for no file.

    Raises:
        ScaffoldError: if a path cannot be a file of the project.
    """
    changes = []
    for path, after in sorted(contents.items()):
        check_path(project, path)
        before = read(project, path)
        if before != after:
            mode = NEW_FILE if before is None else (project / path).stat().st_mode & 0o777
            changes.append(Change(path, before, after, mode))
    return changes


def read(project: Path, path: str) -> bytes | None:
    """Return the content of a file, or None if there is none."""
    try:
        return (project / path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ScaffoldError(f"cannot read {path}: {error.strerror}") from None


def user_folder(purpose: str, folder: Path) -> Path:
    """Return a folder of the user's, "cache" or "state" in kind, which is made if need be.

    Raises:
        ScaffoldError: if it cannot be made.
    """
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ScaffoldError(
            f"cannot write to the {purpose} folder {folder} ({error.strerror}): "
            f"set XDG_{purpose.upper()}_HOME to a folder that you may write to"
        ) from None
    return folder


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write files into a folder that is no project: without a journal, nothing to undo."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8", errors="surrogateescape")


def check_not_taken(project: Path, paths: Iterable[str]) -> None:
    """Raise ScaffoldError if a file that is to be created is there already."""
    taken = sorted(path for path in paths if os.path.lexists(project / path))
    if taken:
        raise ScaffoldError(
            f"{', '.join(taken)}: already there and not generated by ltscaffold; "
            "move or rename it, or choose another name or folder"
        )


def check_path(project: Path, path: str) -> None:
    """Raise ScaffoldError if a path cannot be a regular file within the project."""
    for parent in Path(path).parents:
        if os.path.lexists(project / parent) and not (project / parent).is_dir():
            place = project / parent if parent == Path() else parent
            raise ScaffoldError(f"{place}: a file stands where a folder has to be")
    if not (project / path).resolve().is_relative_to(project.resolve()):
        raise ScaffoldError(f"{path}: a symbolic link leads out of the project")
    if (project / path).is_symlink():
        raise ScaffoldError(f"{path}: a symbolic link stands where a file has to be")
    if (project / path).is_dir():
        raise ScaffoldError(f"{path}: a folder stands where a file has to be")


def split_lines(content: bytes | None) -> list[str]:
    """Return lines as git counts them; a byte that is no UTF-8 survives as a surrogate."""
    return re.findall(r"[^\n]*\n|[^\n]+", (content or b"").decode("utf-8", "surrogateescape"))


def quote_path(path: str) -> str:
    """Return a path as git writes it in a patch: in C's notation if it has special characters."""
    if all(char.isprintable() and char.isascii() and char not in '"\\' for char in path):
        return path
    escaped = (
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03o}"
        for byte in path.encode("utf-8", "surrogateescape")
    )
    return f'"{"".join(escaped)}"'
