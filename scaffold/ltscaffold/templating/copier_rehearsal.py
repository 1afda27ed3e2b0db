"""A rehearsal of `copier update`, which runs git with the user's settings."""

import os
import tempfile
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath

from ltscaffold.errors import ScaffoldError
from ltscaffold.git import Setting, git, run_git, user_settings, with_settings

AUTHOR = {
    f"GIT_{who}_{what}": "copier@copier"
    for who in ("AUTHOR", "COMMITTER")
    for what in ("NAME", "EMAIL")
}
EDIT = "\tan edit \n        another\n"
"""Lines with whatever `core.whitespace` can call an error."""
REJECTED = "edit.rej"
"""A file as `git apply` leaves it beside one that Copier then merges."""


def unfit_settings(files: Mapping[str, str], url: str) -> Iterator[tuple[Setting, str]]:
    """Yield each of the user's git settings with which `copier update` goes wrong, and how.

    Args:
        files: the generated files of a project, by path.
        url: a source of templates that git reads without a network.
    """
    with tempfile.TemporaryDirectory(prefix="ltscaffold-settings") as folder:
        settings = user_settings(Path(folder))
    problem = _rehearse(files, url, settings)
    if problem and _rehearse(files, url, []):
        return  # not because of a setting
    while problem:
        first = bisect_left(
            range(len(settings) - 1),
            True,
            key=lambda last: bool(_rehearse(files, url, settings[: last + 1])),
        )
        yield settings[first], _rehearse(files, url, settings[: first + 1])
        del settings[first]
        problem = _rehearse(files, url, settings)


def _rehearse(files: Mapping[str, str], url: str, settings: Sequence[Setting]) -> str:
    """Return the problem with which Copier fetches templates and applies edits, or nothing."""
    environment = with_settings(settings) | AUTHOR
    with tempfile.TemporaryDirectory(prefix="ltscaffold-rehearsal") as folder:
        old, new = Path(folder, "old"), Path(folder, "new")
        old.mkdir()
        try:
            git("ls-remote", "--tags", "--", url, cwd=old, **environment)
            git("init", cwd=old, **environment)
            files = _sample(old, files, environment)
            edited = {path: text + EDIT for path, text in files.items()}
            _write(old, files)
            git("add", ".", cwd=old, **environment)
            message = ("--message", "x", "--no-gpg-sign", "--no-verify")
            git("commit", "--allow-empty", *message, cwd=old, **environment)
            git("worktree", "add", "--detach", "--force", "--", new, cwd=old, **environment)
            _write(old, edited)
            git("add", "--force", ".", cwd=old, **environment)
            tree = git("write-tree", cwd=old, **environment).decode().strip()
            patch = git("diff-tree", "--unified=3", "HEAD", tree, cwd=old, **environment)
        except ScaffoldError:
            return "fails"
        _write(new, files)
        run_git("apply", "--reject", cwd=new, stdin=patch, environment=environment)
        for path, text in edited.items():
            if (new / path).read_bytes().replace(b"\r\n", b"\n") != text.encode():
                return f"does not keep edits of {path}"
        (new / REJECTED).touch()
        listed = git("status", "--porcelain", "--ignored", cwd=new, **environment).decode()
    return "" if REJECTED in listed else "does not merge edits beside a change"


def _sample(
    repository: Path, files: Mapping[str, str], environment: Mapping[str, str]
) -> Mapping[str, str]:
    """Return a file for each way in which git treats files, so that a large project is as fast.

    Files of a suffix and a depth with the same attributes, that git ignores or not, are alike.

    Args:
        repository: an empty repository.
        files: texts by path.
        environment: the variables with the settings of git.
    """
    stdin = os.fsencode("\0".join(files))

    def ask(*command: str) -> list[str]:
        done = run_git(
            *command, "-z", "--stdin", cwd=repository, stdin=stdin, environment=environment
        )
        return os.fsdecode(done.stdout).split("\0")[:-1]

    ignored, attributes = set(ask("check-ignore")), dict[str, list[str]]()
    words = ask("check-attr", "--all")
    for path, name, value in zip(words[::3], words[1::3], words[2::3], strict=True):
        attributes.setdefault(path, []).extend((name, value))
    first: dict[object, str] = {}
    for path in files:
        place = PurePath(path)
        alike = place.suffix, len(place.parts), path in ignored, *attributes.get(path, ())
        first.setdefault(alike, path)
    return {path: files[path] for path in first.values()}


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text.encode())
