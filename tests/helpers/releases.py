"""Template histories with an additional version, for tests of updates."""

import shutil
import tempfile
from functools import cache
from pathlib import Path

from build_tools.release_templates import BUNDLE, TEMPLATES, release

MODEL = "**/model.py.jinja"
NEXT = "v99.0.0"
BETTER = ("Model of the task", "Better model of the task")


def build_release(
    folder: Path,
    version: str = NEXT,
    change: tuple[str, str] = BETTER,
    bundle: Path = BUNDLE,
    path: str = MODEL,
) -> Path:
    """Return a bundle with an additional version, which replaces a text in a template."""
    templates, grown = folder / "templates", folder / "templates.bundle"
    shutil.copytree(TEMPLATES, templates)
    shutil.copy(bundle, grown)
    changelog = templates / "CHANGELOG.md"
    heading = f"## {version[1:]} - 2099-01-01\n\n* Better: {change[1]}\n  in {version}.\n\n## "
    changelog.write_text(changelog.read_text().replace("## ", heading, 1))
    (template,) = templates.glob(path)
    assert change[0] in template.read_text()
    template.write_text(template.read_text().replace(*change))
    release(templates, grown)
    return grown


@cache
def next_release(
    version: str = NEXT,
    change: tuple[str, str] = BETTER,
    bundle: Path = BUNDLE,
    path: str = MODEL,
) -> Path:
    """Return the bundle that `build_release` makes; all tests share it, so none may change it."""
    folder = Path(tempfile.mkdtemp(prefix="ltscaffold-release-"))
    return build_release(folder, version, change, bundle, path)
