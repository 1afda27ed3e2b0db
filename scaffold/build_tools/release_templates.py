"""Add the templates, as they are now, to the history that the package carries.

    python -m build_tools.release_templates [--amend] [--templates DIR] [--bundle FILE]

The newest heading of the templates' CHANGELOG.md gives the version and the date. The history only
grows: projects were rendered at each of its versions. The same input gives the same bytes.
"""

import argparse
import os
import re
import shutil
import tempfile
from pathlib import Path

from ltscaffold.git import git

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "templates"
BUNDLE = ROOT / "scaffold" / "ltscaffold" / "templating" / "templates.bundle"
HEADING = re.compile(r"^## (?P<version>\d+\.\d+\.\d+) - (?P<date>\d{4}-\d{2}-\d{2})$", re.M)


def main() -> None:
    """Release from the command line, and say what was done."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--templates", type=Path, default=TEMPLATES)
    parser.add_argument("--bundle", type=Path, default=BUNDLE)
    parser.add_argument(
        "--amend", action="store_true", help="replace the newest version, if nobody has it yet"
    )
    options = parser.parse_args()
    print(release(options.templates, options.bundle, amend=options.amend))


def release(templates: Path, bundle: Path, *, amend: bool = False) -> str:
    """Append a version to a bundle and return a line that says what was done.

    Args:
        templates: the folder to release, with a CHANGELOG.md.
        bundle: the history; it is created if it is not there.
        amend: let the newest version of the history be replaced.

    Raises:
        SystemExit: if the templates changed under a version that was released.
    """
    version, date = newest_version(templates)
    with tempfile.TemporaryDirectory() as folder:
        repo = Path(folder)
        unbundle(bundle, repo)
        if amend and version in tags(repo):
            drop_newest(repo, version)
        replace_tree(templates, repo)
        if not git("status", "--porcelain", cwd=repo):
            return f"{bundle.name}: unchanged, the newest version is {tags(repo)[-1]}"
        if version in tags(repo):
            raise SystemExit(
                f"the templates changed, but {version} is released: add a heading to "
                f"{templates.name}/CHANGELOG.md, or use --amend if nobody has {version} yet"
            )
        commit(repo, version, date)
        write_bundle(repo, bundle)
    return f"{bundle.name}: added {version}, {bundle.stat().st_size} bytes"


def newest_version(templates: Path) -> tuple[str, str]:
    """Return the tag and the date of the newest heading of the changelog."""
    found = HEADING.search((templates / "CHANGELOG.md").read_text())
    if found is None:
        raise SystemExit(f"{templates}/CHANGELOG.md has no heading '## 1.2.3 - 2026-01-31'")
    return f"v{found['version']}", found["date"]


def tags(repo: Path) -> list[str]:
    """Return the versions in a repository, oldest first."""
    return git("tag", "--list", "--sort=version:refname", cwd=repo).decode().split()


def unbundle(bundle: Path, repo: Path) -> None:
    """Make a repository with the history of the bundle, its newest version checked out."""
    git("init", "--quiet", "--initial-branch=main", cwd=repo)
    if bundle.exists():
        git("fetch", "--quiet", "--update-head-ok", bundle.resolve(), "+refs/*:refs/*", cwd=repo)
        git("reset", "--quiet", "--hard", "main", cwd=repo)


def drop_newest(repo: Path, version: str) -> None:
    """Take the newest version out of the history, and let the tree be."""
    if version != tags(repo)[-1]:
        raise SystemExit(f"{version} is not the newest version: only that one can be amended")
    git("tag", "--delete", version, cwd=repo)
    if tags(repo):
        git("reset", "--quiet", "--soft", tags(repo)[-1], cwd=repo)
    else:
        git("update-ref", "-d", "refs/heads/main", cwd=repo)


def replace_tree(templates: Path, repo: Path) -> None:
    """Make the repository's tree that of the templates, and stage it."""
    for path in repo.iterdir():
        if path.name != ".git":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(templates, repo, dirs_exist_ok=True)
    git("-c", "core.fileMode=false", "add", "--all", "--force", cwd=repo)


def commit(repo: Path, version: str, date: str) -> None:
    """Commit and tag the staged tree; who and when are the same on every machine."""
    who = {"NAME": "ltscaffold", "EMAIL": "ltscaffold@localhost", "DATE": f"{date}T00:00:00Z"}
    identity = {f"GIT_{role}_{k}": v for role in ("AUTHOR", "COMMITTER") for k, v in who.items()}
    git("commit", "--quiet", "--no-gpg-sign", "--message", version, cwd=repo, **identity)
    git("tag", version, cwd=repo)


def write_bundle(repo: Path, bundle: Path) -> None:
    """Write all branches and tags, and HEAD, into the bundle."""
    staging = bundle.with_suffix(".tmp").resolve()
    single = ("-c", "pack.threads=1")  # the order of a pack depends on the number of threads
    git(*single, "bundle", "create", "--quiet", staging, "HEAD", "--branches", "--tags", cwd=repo)
    os.replace(staging, bundle)


if __name__ == "__main__":
    main()
