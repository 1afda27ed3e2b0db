"""The versions of the templates, from a git repository in the user's cache.

It is cloned from the bundle in the package, or from an organization's own repository.
"""

import hashlib
import io
import os
import shlex
import shutil
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ltscaffold.errors import ScaffoldError
from ltscaffold.git import git, git_over_network, run_git
from ltscaffold.templating.cache import cached, intact, is_damaged, renew
from ltscaffold.templating.trust import record_trust, require_trust

if TYPE_CHECKING:
    from packaging.version import Version

SOURCE_URL = "ltscaffold::templates.git"
"""The `_src_path` of records, independent of the machine; git calls `git-remote-ltscaffold`."""

BUNDLE_VARIABLE = "LTSCAFFOLD_TEMPLATES"
"""Environment variable with the path of another bundle, to develop the templates."""


URL_ABBREVIATIONS = {"gh:": "https://github.com/", "gl:": "https://gitlab.com/"}
GIT_URL_PREFIXES = ("git@", "git://", "git+", *URL_ABBREVIATIONS, *URL_ABBREVIATIONS.values())
"""Prefixes by which Copier recognizes a git URL, besides the suffix `.git`."""

TAGS = "ltscaffold-tags"
"""A file in a cached repository: the output of `git show-ref`, which lists the tags."""

REQUIRED_PATHS = ("copier.yml", "bases", "project", "project/{{ _copier_conf.answers_file }}.jinja")
"""Paths that templates for ltscaffold must have."""


def resolve_source(template: str) -> str:
    """Return the location of templates as a project records it: a URL, or an absolute path.

    Args:
        template: the argument of the user: a git URL or the path of a folder.

    Raises:
        ScaffoldError: if it is neither the folder of a git repository nor a git URL, or if the URL
            has a password.
    """
    path = Path(template).expanduser()
    if template and path.exists():
        if path.is_dir() and not (path / ".git").exists() and path.suffix != ".git":
            raise ScaffoldError(
                f"{path} is not a git repository; git init, commit, and git tag v1.0.0"
            )
        return str(path.resolve())
    if "://" in template and urlsplit(template).password:
        raise ScaffoldError(
            "the URL has a password, which the project would record; omit it and use a credential "
            "helper of git"
        )
    if template.startswith(GIT_URL_PREFIXES) or template.endswith(".git"):
        return template
    if "://" in template:
        raise ScaffoldError(f"'{template}' is not recognized as a git URL; write git+{template}")
    raise ScaffoldError(
        f"'{template}' is neither an existing folder nor a git URL; give one, or gh:owner/name"
    )


def repository(url: str) -> Path:
    """Return the bare git repository of a URL in the cache; that of the package is made there.

    Raises:
        ScaffoldError: if another URL is not trusted or not in the cache.
    """
    name, origin = _cache_entry(url)
    if url == SOURCE_URL:
        return cached(name, partial(_clone, origin))
    require_trust(url)
    found = intact(name)
    if found is None:
        state = "damaged" if is_damaged(name) else "not"
        raise ScaffoldError(
            f"the templates {url} are {state} on this machine; {_fetch_command(url)}"
        )
    return found


def _clone(origin: str, repo: Path) -> None:
    git("clone", "--quiet", "--bare", "--", origin, repo)
    _write_tags(repo)


def trust(url: str) -> None:
    """Fetch the repository of a URL and record that the user trusts it.

    Raises:
        ScaffoldError: if the URL cannot be reached.
    """
    _fetch(url)
    record_trust(url)


def refresh(url: str) -> None:
    """Fetch the cached repository of a URL; that of the package needs no fetch.

    Raises:
        ScaffoldError: if the URL is not trusted or cannot be reached.
    """
    if url != SOURCE_URL:
        require_trust(url)
        _fetch(url)


def _fetch(url: str) -> None:
    name, origin = _cache_entry(url)

    def make(repo: Path) -> None:
        found = intact(name)
        if found is None:
            _from_network(url, "clone", "--quiet", "--bare", "--", origin, repo)
        else:
            shutil.copytree(found, repo, dirs_exist_ok=True)
            heads_and_tags = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
            fetch = ("--git-dir", repo, "fetch", "--quiet", "--prune", "--no-auto-maintenance")
            _from_network(url, *fetch, "--", origin, *heads_and_tags)
        _write_tags(repo)

    renew(name, make)


def _fetch_command(url: str) -> str:
    return f"fetch them with `ltscaffold trust {shlex.quote(url)}`"


def versions(url: str) -> list[str]:
    """Return the released template versions, oldest first, as Copier orders them.

    Raises:
        ScaffoldError: if the repository has no version.
    """
    found = _as_versions(_tags(repository(url)))
    released = [tag for tag, version in found.items() if not version.is_prerelease]
    if not released:
        raise ScaffoldError(f"{url} has no version; git tag v1.0.0 there, and push the tag")
    return sorted(released, key=found.__getitem__)


def checkout(url: str, version: str) -> Path:
    """Return a folder with the templates of a version.

    Args:
        url: the source of the templates.
        version: a tag, or a commit as `git describe` names it.

    Raises:
        ScaffoldError: if the version does not exist, or has no templates for ltscaffold.
    """
    repo = repository(url)
    commit = _tags(repo).get(version) or _commit(repo, version)
    if not commit:
        owner, fix = url, _fetch_command(url)  # a colleague has updated the project
        if url == SOURCE_URL:
            owner, fix = "this ltscaffold", "pip install --upgrade ltscaffold"
        latest = versions(url)[-1]
        raise ScaffoldError(f"{owner} has no templates {version} (the latest is {latest}); {fix}")

    def unpack(path: Path) -> None:
        import tarfile

        archive = git("--git-dir", repo, "archive", "--format=tar", commit)
        # tarfile rejects the archive of an empty tree.
        with suppress(tarfile.ReadError), tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            # An argument of extractall from Python 3.11.4 on; before, the attribute is ignored.
            tar.extraction_filter = getattr(tarfile, "data_filter", None)
            tar.extractall(path)
        check_templates(path, f"{url} {version}")

    return cached(f"{_cache_entry(url)[0]}-{commit}", unpack)


def _as_versions(tags: Iterable[str]) -> "dict[str, Version]":
    from packaging.version import InvalidVersion, Version

    found = {}
    for tag in tags:
        with suppress(InvalidVersion):
            found[tag] = Version(tag)
    return found


def untagged_commit(url: str) -> list[str]:
    """Return a line if the newest commit of an organization's templates is not their version."""
    if url == SOURCE_URL:
        return []
    repo, latest = repository(url), versions(url)[-1]
    by_time = ("--sort=-committerdate", "--count=1", "--format=%(objectname)", "refs/heads")
    newest = _commit(repo, "HEAD")  # which may name a branch that was never pushed
    newest = newest or git("--git-dir", repo, "for-each-ref", *by_time).decode().strip()
    if newest in ("", _commit(repo, latest)):
        return []
    tags = git("--git-dir", repo, "tag", "--points-at", newest).decode().split()
    if any(version.is_prerelease for version in _as_versions(tags).values()):
        return []
    return [
        f"the newest commit of {url} is {' and '.join(tags) or 'no version'}, so projects get "
        f"{latest}; git tag the commit with a version after {latest}, and push the tag"
    ]


def check_templates(folder: Path, name: str) -> None:
    """Check that a folder has templates for ltscaffold.

    Args:
        folder: the folder.
        name: how the message calls it, such as its URL and version.

    Raises:
        ScaffoldError: if a required path is missing.
    """
    missing = [path for path in REQUIRED_PATHS if not (folder / path).exists()]
    if missing:
        raise ScaffoldError(
            f"{name} has no templates for ltscaffold (it lacks {missing[0]}); to make your own, "
            f"git clone {SOURCE_URL}"
        )


def _write_tags(repo: Path) -> None:
    """Add the list of tags to a cached repository, so that no command runs git to read them."""
    (repo / TAGS).write_text(_list_tags(repo), encoding="utf-8")


def _list_tags(repo: Path) -> str:
    return run_git("--git-dir", repo, "show-ref", "--tags", "--dereference").stdout.decode()


def _tags(repo: Path) -> dict[str, str]:
    """Return the commit of each tag; an earlier ltscaffold has cached repositories without list."""
    path = repo / TAGS
    listed = path.read_text(encoding="utf-8") if path.is_file() else _list_tags(repo)
    pairs = (line.split(" refs/tags/") for line in listed.splitlines())
    return {tag.removesuffix("^{}"): commit for commit, tag in pairs}


def _commit(repo: Path, version: str) -> str:
    """Return the commit of a version, empty if it does not exist.

    Args:
        repo: the cached repository.
        version: a tag, or a name such as `v1.0.0-3-gabc1234` from `git describe`.
    """
    name = f"{version}^{{commit}}"
    done = run_git("--git-dir", repo, "rev-parse", "--verify", "--end-of-options", name)
    return "" if done.returncode else done.stdout.decode().strip()


def _cache_entry(url: str) -> tuple[str, str]:
    """Return the name of a URL's cached repository, and the URL to clone it from."""
    if url != SOURCE_URL:
        return f"templates-of-{_digest(url.encode())}", _clone_url(url)
    bundle = bundle_path()
    if not bundle.is_file():
        fix = f"correct {BUNDLE_VARIABLE}" if BUNDLE_VARIABLE in os.environ else "reinstall it"
        raise ScaffoldError(f"the bundle {bundle} of ltscaffold does not exist; {fix}")
    return f"templates-{_digest(bundle.read_bytes())}", str(bundle)


def _clone_url(url: str) -> str:
    """Return a URL for `git clone`: without Copier's abbreviations, such as `gh:`, and `git+`."""
    for alias, site in URL_ABBREVIATIONS.items():
        if url.startswith(alias):
            return site + url.removeprefix(alias).lstrip("/").removesuffix(".git") + ".git"
    return url.removeprefix("git+")


def _from_network(url: str, *arguments: str | Path) -> None:
    """Run git on a remote repository; raises ScaffoldError with the URL and git's reason."""
    try:
        git_over_network(*arguments)
    except ScaffoldError as error:
        raise ScaffoldError(
            f"cannot fetch the templates {url}: {error}; check the URL and the network"
        ) from None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def bundle_path() -> Path:
    """Return the path of the bundle: that in `BUNDLE_VARIABLE`, or else that of the package."""
    override = os.environ.get(BUNDLE_VARIABLE)
    return Path(override) if override else Path(__file__).parent / "templates.bundle"
