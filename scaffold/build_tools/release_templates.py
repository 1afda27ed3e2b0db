"""Add the current templates to the history in the package.

    python -m build_tools.release_templates [--amend] [--templates DIR] [--bundle FILE]

The latest heading of the templates' CHANGELOG.md gives the version and the date. The history only
grows, since projects depend on each of its versions. The same input gives the same bytes.
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
    """Release from the command line and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--templates", type=Path, default=TEMPLATES)
    parser.add_argument("--bundle", type=Path, default=BUNDLE)
    parser.add_argument(
        "--amend", action="store_true", help="replace the latest version, if it is not published"
    )
    options = parser.parse_args()
    print(release(options.templates, options.bundle, amend=options.amend))


def release(templates: Path, bundle: Path, *, amend: bool = False) -> str:
    """Append a version to a bundle and return a line about the result.

    Args:
        templates: the folder to release, with a CHANGELOG.md.
        bundle: the history; created if it does not exist.
        amend: replace the latest version of the history.

    Raises:
        SystemExit: if the templates of a released version changed.
    """
    version, date = newest_version(templates)
    with tempfile.TemporaryDirectory() as folder:
        repo = Path(folder)
        unbundle(bundle, repo)
        if amend and version in tags(repo):
            drop_newest(repo, version)
        replace_tree(templates, repo)
        if not git("status", "--porcelain", cwd=repo):
            return f"{bundle.name}: unchanged, the latest version is {tags(repo)[-1]}"
        if version in tags(repo):
            raise SystemExit(
                f"the templates changed, but {version} is released; add a heading to "
                f"{templates.name}/CHANGELOG.md, or use --amend if {version} is not published"
            )
        commit(repo, version, date)
        write_bundle(repo, bundle)
    return f"{bundle.name}: added {version}, {bundle.stat().st_size} bytes"


def newest_version(templates: Path) -> tuple[str, str]:
    """Return tag and date of the latest heading of the changelog; raises SystemExit if none."""
    found = HEADING.search((templates / "CHANGELOG.md").read_text())
    if found is None:
        raise SystemExit(f"{templates}/CHANGELOG.md has no heading such as '## 1.2.3 - 2026-01-31'")
    return f"v{found['version']}", found["date"]


def tags(repo: Path) -> list[str]:
    """Return the versions in a repository, oldest first."""
    return git("tag", "--list", "--sort=version:refname", cwd=repo).decode().split()


def unbundle(bundle: Path, repo: Path) -> None:
    """Create a repository with the history of the bundle, its latest version checked out."""
    git("init", "--quiet", "--initial-branch=main", cwd=repo)
    if bundle.exists():
        git("fetch", "--quiet", "--update-head-ok", bundle.resolve(), "+refs/*:refs/*", cwd=repo)
        git("reset", "--quiet", "--hard", "main", cwd=repo)


def drop_newest(repo: Path, version: str) -> None:
    """Remove the latest version from the history only; raises SystemExit for another version."""
    if version != tags(repo)[-1]:
        raise SystemExit(f"{version} is not the latest version; amend only that one")
    git("tag", "--delete", version, cwd=repo)
    if tags(repo):
        git("reset", "--quiet", "--soft", tags(repo)[-1], cwd=repo)
    else:
        git("update-ref", "-d", "refs/heads/main", cwd=repo)


def replace_tree(templates: Path, repo: Path) -> None:
    """Replace the repository's tree by the templates, and stage it."""
    for path in repo.iterdir():
        if path.name != ".git":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(templates, repo, dirs_exist_ok=True)
    git("-c", "core.fileMode=false", "add", "--all", "--force", cwd=repo)


def commit(repo: Path, version: str, date: str) -> None:
    """Commit and tag the staged tree, with an author and a date independent of the machine."""
    person = {"NAME": "ltscaffold", "EMAIL": "ltscaffold@localhost", "DATE": f"{date}T00:00:00Z"}
    identity = {f"GIT_{role}_{k}": v for role in ("AUTHOR", "COMMITTER") for k, v in person.items()}
    git("commit", "--quiet", "--no-gpg-sign", "--message", version, cwd=repo, **identity)
    git("tag", version, cwd=repo)


def write_bundle(repo: Path, bundle: Path) -> None:
    """Write all branches, tags and HEAD to the bundle."""
    staging = bundle.with_suffix(".tmp").resolve()
    single = ("-c", "pack.threads=1")  # the order of a pack depends on the number of threads
    git(*single, "bundle", "create", "--quiet", staging, "HEAD", "--branches", "--tags", cwd=repo)
    os.replace(staging, bundle)


if __name__ == "__main__":
    main()
