"""What a version of the templates offers: bases, hooks and recipes, one partial each."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import Environment

from ltscaffold.errors import unknown
from ltscaffold.render import SUFFIX, environment

KINDS = {"base": "bases", "hook": "hooks", "recipe": "recipes"}
"""What can be chosen, and the folder of its partials."""


@dataclass(frozen=True)
class Catalog:
    """The partials in a folder of templates."""

    templates: Path

    def names(self, kind: str) -> list[str]:
        """Return the names of a kind ("base", "hook" or "recipe"), sorted."""
        folder = self.templates / KINDS[kind]
        return sorted(path.name.removesuffix(SUFFIX) for path in folder.glob(f"*{SUFFIX}"))

    def entry(self, kind: str, name: str) -> Mapping[str, Any]:
        """Return the values that a partial sets, such as its `summary`.

        Raises:
            ScaffoldError: if there is no such partial; the message names the nearest.
        """
        names = self.names(kind)
        if name not in names:
            raise unknown(kind, name, names, f"ltscaffold list {KINDS[kind]}")
        return vars(self._jinja.get_template(f"{KINDS[kind]}/{name}{SUFFIX}").module)

    @cached_property
    def _jinja(self) -> Environment:
        return environment(self.templates)
