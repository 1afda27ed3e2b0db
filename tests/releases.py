"""A template history with one more version, for tests of updates."""

import shutil
from pathlib import Path

from release_templates import BUNDLE, TEMPLATES, release

MODEL = "**/model.py.jinja"
NEXT = "v99.0.0"


def next_release(folder: Path) -> Path:
    """Return a bundle with the released versions and v99.0.0, which improves a docstring."""
    templates, bundle = folder / "templates", folder / "templates.bundle"
    shutil.copytree(TEMPLATES, templates)
    shutil.copy(BUNDLE, bundle)
    changelog = templates / "CHANGELOG.md"
    heading = f"## {NEXT[1:]} - 2099-01-01\n\n* Better.\n\n## "
    changelog.write_text(changelog.read_text().replace("## ", heading, 1))
    (model,) = templates.glob(MODEL)
    model.write_text(model.read_text().replace("with the overrides below", "improved"))
    release(templates, bundle)
    return bundle
