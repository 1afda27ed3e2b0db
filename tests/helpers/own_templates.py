"""The templates of an organization: a git repository that began as a clone of ours."""

import os
import subprocess
from pathlib import Path

from ltscaffold.git import git
from ltscaffold.templating.source import SOURCE_URL, versions
from tests.helpers.releases import MODEL

RELEASED = versions(SOURCE_URL)
OURS = f"{RELEASED[-1]}+acme.1"
"""The organization's version, made from the latest release."""
DOCSTRING = "Model of Acme for the task"


def our_templates(folder: Path) -> Path:
    """Return a clone of the templates with another docstring, and a version of its own."""
    clone = folder / "our-templates"
    subprocess.run(["git", "clone", "--quiet", SOURCE_URL, clone], check=True)
    next_version(clone, OURS, "Model of the task", DOCSTRING)
    return clone


def next_version(clone: Path, tag: str, old: str, new: str, glob: str = MODEL) -> None:
    """Replace a text in a template and tag the commit."""
    (template,) = clone.glob(glob)
    text = template.read_text()
    assert old in text
    template.write_text(text.replace(old, new))
    identity = {name: value for name, value in os.environ.items() if name.startswith("GIT_")}
    git("commit", "--quiet", "--all", "--message", tag, cwd=clone, **identity)
    git("tag", tag, cwd=clone)
