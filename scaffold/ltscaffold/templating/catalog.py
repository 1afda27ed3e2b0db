"""What a version of the templates offers: bases, hooks and recipes, one fragment each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ltscaffold.errors import unknown
from ltscaffold.record.answers import Answers
from ltscaffold.record.component_types import COMPONENT_TYPES, TASK, ComponentType
from ltscaffold.templating import source
from ltscaffold.templating.render import SUFFIX, environment, one_line_errors

CATALOG_FOLDERS = {"base": "bases", "hook": "hooks", "recipe": "recipes"}
"""What can be chosen, and the folder of its fragments."""
FRAGMENT_FOLDERS = ("bases", *(kind.hooks for kind in COMPONENT_TYPES.values()), "recipes")
"""The folders of fragments."""


@dataclass(frozen=True)
class Catalog:
    """The fragments in a folder of templates, or those that a project has in their stead."""

    templates: Path
    project_fragments: Path | None = None

    def names(self, kind: str) -> list[str]:
        """Return the names of a kind ("base", "hook" or "recipe"), sorted."""
        return self._names_in(CATALOG_FOLDERS[kind])

    def hook_names(self, kind: ComponentType) -> list[str]:
        """Return the names of the hooks of a component type, sorted."""
        return self._names_in(kind.hooks)

    def recipes_for(self, base: str) -> list[str]:
        """Return the names of the recipes that fit a base, sorted."""
        names = self.names("recipe")
        return [
            name for name in names if base not in self.entry("recipe", name).get("unsuitable", {})
        ]

    def has(self, kind: ComponentType) -> bool:
        """Tell whether there are templates for components of a type."""
        paths = (self.templates / "project").rglob("*")
        return any(f" from {kind.loop_variable} " in path.name for path in paths)

    def entry(self, kind: str, name: str, also: Sequence[str] = ()) -> Mapping[str, Any]:
        """Return the values that a template fragment sets, such as its `summary`.

        Args:
            kind: of the fragment.
            name: of the fragment.
            also: other names that would do, for the message.

        Raises:
            ScaffoldError: if there is no such fragment; the message names the nearest.
        """
        if name not in self.names(kind):
            names = [*self.names(kind), *also]
            raise unknown(kind, name, names, f"ltscaffold list {CATALOG_FOLDERS[kind]}")
        return self._values(f"{CATALOG_FOLDERS[kind]}/{name}{SUFFIX}")

    def hook(self, kind: ComponentType, name: str) -> Mapping[str, Any]:
        """Return the values that the fragment of a hook sets; raises as `entry` does."""
        names = self.hook_names(kind)
        if name not in names:
            listing = "ltscaffold list hooks" + ("" if kind is TASK else f" --type {kind.name}")
            raise unknown(f"{kind.name} hook", name, names, listing)
        return self._values(kind.fragment(name) + SUFFIX)

    def _names_in(self, folder: str) -> list[str]:
        paths = (self.templates / folder).glob(f"*{SUFFIX}")
        return sorted(path.name.removesuffix(SUFFIX) for path in paths)

    def _values(self, template: str) -> Mapping[str, Any]:
        with one_line_errors(template):
            jinja = environment(self.templates, self.project_fragments)
            return vars(jinja.get_template(template).module)


def read_catalog(answers: Answers, version: str | None = None) -> Catalog:
    """Return what the templates of a project offer, at its version or at another."""
    templates = source.checkout(answers.source, version or answers.version)
    return Catalog(templates, answers.project_fragments)
