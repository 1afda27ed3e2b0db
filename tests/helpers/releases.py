"""Template histories with an additional version, for tests of updates."""

import shutil
import tempfile
from collections.abc import Mapping
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
    return build_edited_release(folder, {path: dict([change])}, version, bundle)


def build_edited_release(
    folder: Path,
    edits: Mapping[str, Mapping[str, str]],
    version: str = NEXT,
    bundle: Path = BUNDLE,
    start: Mapping[str, Mapping[str, str]] | None = None,
) -> Path:
    """Return a bundle with an additional version, which replaces texts in several templates.

    Args:
        folder: where the bundle is written.
        edits: texts and their replacements, by the path of a template.
        version: the additional version.
        bundle: the history to which it is added.
        start: the edits of the newest version in it, which come first.
    """
    templates, grown = folder / "templates", folder / "templates.bundle"
    shutil.copytree(TEMPLATES, templates)
    shutil.copy(bundle, grown)
    changelog = templates / "CHANGELOG.md"
    texts = [after for changes in edits.values() for after in changes.values()]
    news = "; ".join(" ".join(text.split()) for text in texts)
    heading = f"## {version[1:]} - 2099-01-01\n\n* Better: {news}\n  in {version}.\n\n## "
    changelog.write_text(changelog.read_text().replace("## ", heading, 1))
    for step in (start or {}, edits):
        for path, changes in step.items():
            (template,) = templates.glob(path)
            for before, after in changes.items():
                text = template.read_text()
                assert before in text
                template.write_text(text.replace(before, after))
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
