"""The Jinja environment of templates: they run no code, read no files, and have a bounded size."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined, Template
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

from ltscaffold.errors import ScaffoldError

MAX_CHARS = 10_000_000
"""Limit on a rendered file and on a repeated text, so that neither exhausts the memory."""
MAX_EXPONENT = 100
LOCAL = ("expanduser", "expandvars", "fileglob", "realpath")
"""Filters of Copier that read the user's environment or files."""


class Sandbox(SandboxedEnvironment):
    """Copier's environment without access to the user's environment and files.

    Args:
        folders: the folders of templates; a file of an earlier one overrides those of later ones.
    """

    intercepted_binops = frozenset({"*", "**"})

    def __init__(self, folders: Sequence[Path]) -> None:
        super().__init__(
            extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"],  # as Copier
            loader=FileSystemLoader(folders),
            keep_trailing_newline=True,
            lstrip_blocks=True,
            trim_blocks=True,
            undefined=StrictUndefined,
        )
        for name in LOCAL:
            del self.filters[name]

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Return a product or a power.

        Raises:
            ValueError: for an exponent above `MAX_EXPONENT`, or a text or list repeated to more
                than `MAX_CHARS`.
        """
        if operator == "**":
            too_large = abs(right) > MAX_EXPONENT
        else:
            lengths = [
                len(value) if hasattr(value, "__len__") else value for value in (left, right)
            ]
            too_large = lengths != [left, right] and lengths[0] * lengths[1] > MAX_CHARS
        if too_large:
            raise ValueError(f"the result of {operator} is too large")
        return super().call_binop(context, operator, left, right)


def render_bounded(template: Template, variables: Mapping[str, Any]) -> str:
    """Return the rendered text; raises ValueError if it exceeds `MAX_CHARS`."""
    return "".join(_bounded(template.generate(variables)))


def exported(template: Template) -> dict[str, Any]:
    """Return the top-level variables and macros; raises ValueError as `render_bounded`."""
    context = template.new_context()
    try:
        for _ in _bounded(template.root_render_func(context)):
            pass
    except Exception:
        template.environment.handle_exception()  # with the lines of the template
    return context.get_exported()


def refuse_links(folder: Path) -> None:
    """Raise ScaffoldError for a symbolic link, which could include any file of the user."""
    for path in (folder.parent, folder, *folder.rglob("*")):
        if path.is_symlink():
            raise ScaffoldError(f"{path} is a symbolic link; replace it by a copy")


def _bounded(chunks: Iterable[str]) -> Iterator[str]:
    length = 0
    for chunk in chunks:
        length += len(chunk)
        if length > MAX_CHARS:
            raise ValueError(f"the text exceeds {MAX_CHARS:,} characters")
        yield chunk
