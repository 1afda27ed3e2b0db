"""The bases, hooks and recipes that templates offer, a template fragment each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ltscaffold.errors import unknown
from ltscaffold.record.answers import FOLDERS, Answers
from ltscaffold.record.component_types import ComponentType
from ltscaffold.templating import source
from ltscaffold.templating.fragments import (
    CATALOG_FOLDERS,
    FRAGMENT_FOLDERS,
    SUFFIX,
    names_in,
)
from ltscaffold.templating.render import environment, one_line_errors
from ltscaffold.templating.sandbox import exported


@dataclass(frozen=True)
class Catalog:
    """The bases, hooks and recipes of templates.

    Attributes:
        templates: the folder of the templates, whose fragments are listed.
        project_fragments: a folder with fragments that override those of the same name, or None.
    """

    templates: Path
    project_fragments: Path | None = None

    def names(self, category: str) -> list[str]:
        """Return the names in a category ("base", "hook" or "recipe"), sorted."""
        return self._names_in(CATALOG_FOLDERS[category])

    def hook_names(self, component_type: ComponentType) -> list[str]:
        """Return the names of the hooks of a component type, sorted."""
        return self._names_in(component_type.hooks)

    def recipes_for(self, base: str) -> list[str]:
        """Return the names of the recipes that fit a base, sorted."""
        names = self.names("recipe")
        return [
            name for name in names if base not in self.entry("recipe", name).get("unsuitable", {})
        ]

    def has(self, component_type: ComponentType) -> bool:
        """Return whether the templates render components of a type."""
        return self._loops_over(component_type.loop_variable)

    def folder(self, component_type: ComponentType) -> str:
        """Return the folder of a new component's module; empty: it gets a package of its own."""
        return component_type.folder if self._loops_over(FOLDERS) else ""

    def entry(self, category: str, name: str, also: Iterable[str] = ()) -> Mapping[str, Any]:
        """Return the variables that a template fragment sets, such as its `summary`.

        Args:
            category: "base", "hook" or "recipe".
            name: name of the fragment.
            also: further valid names, for the error message.

        Raises:
            ScaffoldError: if the fragment does not exist, or has an error.
        """
        folder, names = CATALOG_FOLDERS[category], self.names(category)
        if name not in names:
            raise unknown(category, name, [*names, *also], f"see `ltscaffold list {folder}`")
        return self._values(f"{folder}/{name}{SUFFIX}")

    def hook(self, component_type: ComponentType, name: str) -> Mapping[str, Any]:
        """Return the variables of a hook's fragment; raises ScaffoldError as `entry` does."""
        names, noun = self.hook_names(component_type), component_type.name
        if name not in names:
            raise unknown(f"{noun} hook", name, names, f"see `ltscaffold list hooks --type {noun}`")
        return self._values(component_type.fragment(name) + SUFFIX)

    def _loops_over(self, variable: str) -> bool:
        paths = (self.templates / "project").rglob("*")
        return any(f" from {variable} " in path.name for path in paths)

    def _names_in(self, folder: str) -> list[str]:
        return self._names[folder]

    @cached_property
    def _names(self) -> Mapping[str, list[str]]:
        """The names of the fragments in each folder, sorted."""
        return {folder: names_in(self.templates, folder) for folder in FRAGMENT_FOLDERS}

    def _values(self, template: str) -> Mapping[str, Any]:
        if template not in self._known_values:
            with one_line_errors(template):
                jinja = environment(self.templates, self.project_fragments)
                self._known_values[template] = exported(jinja.get_template(template))
        return self._known_values[template]

    @cached_property
    def _known_values(self) -> dict[str, Mapping[str, Any]]:
        """The variables of the fragments that were asked for."""
        return {}


def read_catalog(answers: Answers, version: str | None = None) -> Catalog:
    """Return the catalog of a project's templates.

    Args:
        answers: the record of the project.
        version: version of the templates; by default the project's.
    """
    templates = source.checkout(answers.source, version or answers.version)
    return Catalog(templates, answers.project_fragments)
