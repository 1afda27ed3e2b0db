"""The history of the templates: a git bundle in the package, unpacked into the user's cache."""

import hashlib
import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from platformdirs import user_cache_path

from ltscaffold.errors import ScaffoldError
from ltscaffold.git import git

SOURCE_URL = "ltscaffold::templates.git"
"""What answers record as `_src_path`: no path of a machine; git asks `git-remote-ltscaffold`."""

BUNDLE_VARIABLE = "LTSCAFFOLD_TEMPLATES"
"""Environment variable that names another bundle, for work on the templates."""


def repository(url: str) -> Path:
    """Return a bare git repository of the templates at a URL, kept in the user's cache."""
    name, origin = _place(url)
    return _cached(name, lambda path: git("clone", "--quiet", "--bare", "--", origin, path))


def versions(url: str) -> list[str]:
    """Return the released template versions, oldest first."""
    listed = git("--git-dir", repository(url), "tag", "--list", "--sort=version:refname")
    return listed.decode().split()


def checkout(url: str, version: str) -> Path:
    """Return a folder with the templates of a version; raises ScaffoldError if there is none."""
    repo, known = repository(url), versions(url)
    if version not in known:
        raise ScaffoldError(
            f"this ltscaffold has no templates of version {version} (its newest is {known[-1]}): "
            "update it with pip install --upgrade ltscaffold"
        )

    def unpack(path: Path) -> None:
        archive = git("--git-dir", repo, "archive", "--format=tar", version)
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            # An argument from Python 3.11.4 on; as an attribute, earlier ones ignore it.
            tar.extraction_filter = getattr(tarfile, "data_filter", None)
            tar.extractall(path)

    return _cached(f"{repo.stem}/{version}", unpack)


def _place(url: str) -> tuple[str, str]:
    """Return the name of the cached repository of a URL, and what to clone it from."""
    if url != SOURCE_URL:
        return f"templates-of-{_digest(url.encode())}.git", url
    bundle = bundle_path()
    if not bundle.is_file():
        raise ScaffoldError(f"there is no bundle of templates at {bundle}: see {BUNDLE_VARIABLE}")
    return f"templates-{_digest(bundle.read_bytes())}.git", str(bundle)


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
    root = user_cache_path("ltscaffold")
    try:
        if not root.is_dir():
            root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ScaffoldError(
            f"cannot write to the cache folder {root} ({error.strerror}): "
            "set XDG_CACHE_HOME to a folder that you may write to"
        ) from None
    return root
