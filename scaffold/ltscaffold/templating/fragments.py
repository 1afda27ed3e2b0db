"""The template fragments of a folder of templates, by their names; no template is loaded."""

from pathlib import Path

from ltscaffold.record.component_types import COMPONENT_TYPES, SHELL

SUFFIX = ".jinja"
CATALOG_FOLDERS = {"base": "bases", "hook": "hooks", "recipe": "recipes", "shell": SHELL.hooks}
"""Folder of template fragments by category."""
FRAGMENT_FOLDERS = ("bases", *(each.hooks for each in COMPONENT_TYPES.values()), "recipes")
"""All folders of template fragments."""


def names_in(templates: Path, folder: str) -> list[str]:
    """Return the names of the fragments in a folder of templates, sorted."""
    paths = (templates / folder).glob(f"*{SUFFIX}")
    return sorted(path.name.removesuffix(SUFFIX) for path in paths)


def fragment_names(templates: Path) -> list[str]:
    """Return the template fragments that a project can override, sorted."""
    return sorted(
        f"{folder}/{name}" for folder in FRAGMENT_FOLDERS for name in names_in(templates, folder)
    )
