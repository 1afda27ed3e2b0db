"""A folder as a value."""

from pathlib import Path

OWN = {".git", "__pycache__"}


def tree(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below a folder, without git's and Python's own."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not OWN & set(path.relative_to(folder).parts)
    }
