"""The state of the git repository in which a run is started."""

import hashlib
import os
import subprocess
from pathlib import Path

from lightning_transformers.runs.manifest.digests import digest_of_all

SOURCES = "*.py"
"""Untracked files in the digest: data would take too long, and the run folder has the config."""


def git_state(folder: Path) -> dict[str, str | None] | None:
    """Return the commit of a folder and a digest of the uncommitted changes below it.

    Returns:
        `commit`, None before the first one, and `changes`, None if all is committed. None outside
        of a repository, or without git.
    """
    if _git(folder, "rev-parse", "--is-inside-work-tree") is None:
        return None
    commit = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    tree = "HEAD" if commit else "--cached"
    changed = _git(folder, "diff", "--no-ext-diff", "--no-textconv", "--binary", tree, "--", ".")
    untracked = _git(folder, "ls-files", "-z", "--others", "--exclude-standard", "--", SOURCES)
    files = [folder / os.fsdecode(name) for name in (untracked or b"").split(b"\0") if name]
    changes = hashlib.sha256((changed or b"") + digest_of_all(folder, files).encode())
    return {
        "commit": commit.decode().strip() if commit else None,
        "changes": changes.hexdigest() if changed or untracked else None,
    }


def _git(folder: Path, *arguments: str) -> bytes | None:
    """Return the standard output of git, or None if it fails."""
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None
