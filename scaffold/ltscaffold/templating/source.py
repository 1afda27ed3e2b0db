"""The history of the templates: a git repository in the user's cache.

It comes from the bundle in the package, or from where an organisation keeps templates of its own.
"""

import hashlib
import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from urllib.parse import urlsplit

from platformdirs import user_cache_path

from ltscaffold.errors import ScaffoldError
from ltscaffold.git import git, git_over_network
from ltscaffold.writing.plan import user_folder

SOURCE_URL = "ltscaffold::templates.git"
"""What answers record as `_src_path`: no path of a machine; git asks `git-remote-ltscaffold`."""

BUNDLE_VARIABLE = "LTSCAFFOLD_TEMPLATES"
"""Environment variable that names another bundle, for work on the templates."""


URL_ABBREVIATIONS = {"gh:": "https://github.com/", "gl:": "https://gitlab.com/"}
GIT_URL_PREFIXES = (
    "git@",
    "git://",
    "git+",
    "https://github.com/",
    "https://gitlab.com/",
    *URL_ABBREVIATIONS,
)
"""How Copier tells a URL of git; the other way is that it ends in `.git`."""

REQUIRED_PATHS = ("copier.yml", "bases", "project", "project/{{ _copier_conf.answers_file }}.jinja")
"""What templates of this kind have."""


def resolve_source(template: str) -> str:
    """Return how a project records templates that were named: a URL as it is, a path in full.

    Raises:
        ScaffoldError: if a plain `copier update` would not find them.
    """
    path = Path(template).expanduser()
    if template and path.exists():
        if path.is_dir() and not (path / ".git").exists() and path.suffix != ".git":
            raise ScaffoldError(
                f"{path} is no git repository: git init, commit, and git tag v1.0.0"
            )
        return str(path.resolve())
    if "://" in template and urlsplit(template).password:
        raise ScaffoldError(
            "the URL has a password, which the project would record: leave it out, and let a "
            "credential helper of git supply it"
        )
    if template.startswith(GIT_URL_PREFIXES) or template.endswith(".git"):
        return template
    hint = f"write git+{template}" if "://" in template else "name a folder, gh:owner/name or a URL"
    raise ScaffoldError(f"there are no templates at '{template}': {hint}")


def repository(url: str) -> Path:
    """Return a bare git repository of the templates at a URL, kept in the user's cache.

    Raises:
        ScaffoldError: if it is not in the cache, and cannot be had.
    """
    name, origin = _cache_entry(url)
    run = git if url == SOURCE_URL else partial(_from_network, url)
    return _cached(name, partial(run, "clone", "--quiet", "--bare", "--", origin))


def refresh(url: str) -> None:
    """Bring the cached repository of a URL up to date; all else works from the cache.

    Raises:
        ScaffoldError: if the URL cannot be reached.
    """
    name, origin = _cache_entry(url)
    if url == SOURCE_URL or not (_cache_root() / name).is_dir():
        repository(url)
        return
    heads_and_tags = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
    fetch = ("--git-dir", repository(url), "fetch", "--quiet", "--prune", "--", origin)
    _from_network(url, *fetch, *heads_and_tags)


def versions(url: str) -> list[str]:
    """Return the released template versions, oldest first, as Copier orders them.

    Raises:
        ScaffoldError: if there is none.
    """
    from packaging.version import InvalidVersion, Version

    found = {}
    for tag in git("--git-dir", repository(url), "tag", "--list").decode().split():
        with suppress(InvalidVersion):
            found[tag] = Version(tag)
    released = [tag for tag, version in found.items() if not version.is_prerelease]
    if not released:
        raise ScaffoldError(f"{url} has no version: git tag v1.0.0 there, and push the tag")
    return sorted(released, key=found.__getitem__)


def checkout(url: str, version: str) -> Path:
    """Return a folder with the templates of a version.

    Raises:
        ScaffoldError: if there is no such version, or it holds no templates of this kind.
    """
    repo = repository(url)
    commit = _commit(repo, version)
    if not commit:
        refresh(url)  # somebody else updated the project
        commit = _commit(repo, version)
    if not commit:
        place, cure = url, "the project needs that tag there"
        if url == SOURCE_URL:
            place, cure = "this ltscaffold", "update it with pip install --upgrade ltscaffold"
        raise ScaffoldError(
            f"there are no templates of version {version} in {place} "
            f"(its newest is {versions(url)[-1]}): {cure}"
        )

    def unpack(path: Path) -> None:
        archive = git("--git-dir", repo, "archive", "--format=tar", commit)
        # The archive of an empty tree is an error to Python.
        with suppress(tarfile.ReadError), tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            # An argument from Python 3.11.4 on; as an attribute, earlier ones ignore it.
            tar.extraction_filter = getattr(tarfile, "data_filter", None)
            tar.extractall(path)
        check_templates(path, f"{url} {version}")

    return _cached(f"{repo.stem}/{commit}", unpack)


def check_templates(folder: Path, name: str) -> None:
    """Raise ScaffoldError unless a folder, called `name`, holds templates of this kind."""
    missing = [path for path in REQUIRED_PATHS if not (folder / path).exists()]
    if missing:
        raise ScaffoldError(
            f"{name} holds no templates of ltscaffold (it lacks {missing[0]}): begin your own with "
            f"git clone {SOURCE_URL}"
        )


def _commit(repo: Path, version: str) -> str:
    """Return the commit of a version, a tag or what `git describe` gave; empty if there is none."""
    name = f"{version}^{{commit}}"
    try:
        found = git("--git-dir", repo, "rev-parse", "--verify", "--end-of-options", name)
    except ScaffoldError:
        return ""
    return found.decode().strip()


def _cache_entry(url: str) -> tuple[str, str]:
    """Return the name of the cached repository of a URL, and what to clone it from."""
    if url != SOURCE_URL:
        return f"templates-of-{_digest(url.encode())}.git", _clone_url(url)
    bundle = bundle_path()
    if not bundle.is_file():
        raise ScaffoldError(f"there is no bundle of templates at {bundle}: see {BUNDLE_VARIABLE}")
    return f"templates-{_digest(bundle.read_bytes())}.git", str(bundle)


def _clone_url(url: str) -> str:
    """Return a URL as git takes it; Copier has abbreviations."""
    for alias, site in URL_ABBREVIATIONS.items():
        if url.startswith(alias):
            return site + url.removeprefix(alias).lstrip("/").removesuffix(".git") + ".git"
    return url.removeprefix("git+")


def _from_network(url: str, *arguments: str | Path) -> None:
    """Run git on a repository elsewhere; raises ScaffoldError with its reason."""
    try:
        git_over_network(*arguments)
    except ScaffoldError as error:
        raise ScaffoldError(
            f"cannot get the templates {url}: {error}; check the URL and the network, and try again"
        ) from None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def bundle_path() -> Path:
    """Return the bundle that the package carries, or the one that the environment names."""
    override = os.environ.get(BUNDLE_VARIABLE)
    return Path(override) if override else Path(__file__).parent / "templates.bundle"


def _cached(name: str, make: Callable[[Path], object]) -> Path:
    """Return the cached folder `name`, made beside its place and renamed, so never half made."""
    final = _cache_root() / name
    if final.is_dir():
        return final
    final.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f"{final.name}.", dir=final.parent))
    try:
        make(staging)
        staging.rename(final)
    except OSError:
        if not final.is_dir():  # else another process was faster
            raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return final


@cache
def _cache_root() -> Path:
    return user_folder("cache", user_cache_path("ltscaffold"))
