"""The Jinja environment of templates: they run no code, read no files, and have a bounded size."""

import resource
import signal
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, FileSystemLoader, FunctionLoader, StrictUndefined, Template
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

from ltscaffold.errors import ScaffoldError
from ltscaffold.templating.compiled import CompiledTemplates

MAX_CHARS = 10_000_000
"""Limit on a rendered file and on a repeated text, so that neither exhausts the memory."""
MAX_EXPONENT = 100
MAX_SECONDS, MAX_BYTES = 10, 1 << 30
"""Limits on the processor time and the memory of a template."""
MEMORY = Path("/proc/self/statm")
"""Where Linux tells how many pages the process has."""
EXPRESSION = "expression: "
"""Start of the name of a template that is the rest of its name, and no file."""
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
            loader=ChoiceLoader([FileSystemLoader(folders), FunctionLoader(_expression)]),
            bytecode_cache=CompiledTemplates(Path(__file__).read_bytes()),
            keep_trailing_newline=True,
            lstrip_blocks=True,
            trim_blocks=True,
            undefined=StrictUndefined,
        )
        for name in LOCAL:
            del self.filters[name]
        self._safe: dict[tuple[type, str], bool] = {}

    def expression(self, text: str) -> Template:
        """Return a text as a template, compiled once as the files are."""
        return self.get_template(EXPRESSION + text)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Return whether Jinja's sandbox allows an attribute; it is asked once for each type."""
        key = (type(obj), attr)
        if key not in self._safe:
            self._safe[key] = super().is_safe_attribute(obj, attr, value)
        return self._safe[key]

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


def _expression(name: str) -> str | None:
    return name.removeprefix(EXPRESSION) if name.startswith(EXPRESSION) else None


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


@contextmanager
def limited() -> Iterator[None]:
    """Limit the processor time and, on Linux, the memory of the code inside, in the main thread.

    Raises:
        MemoryError: if it takes too much memory.
        TimeoutError: if it takes too long.
    """
    if threading.current_thread() is not threading.main_thread():  # which gets no signals
        yield
        return
    limits = resource.getrlimit(resource.RLIMIT_AS)
    if MEMORY.exists() and limits[0] == resource.RLIM_INFINITY:
        used = int(MEMORY.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MAX_BYTES, limits[1]))
    handler = signal.signal(signal.SIGVTALRM, _stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, MAX_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, handler)
        resource.setrlimit(resource.RLIMIT_AS, limits)


def _stop(*_: object) -> None:
    raise TimeoutError(f"it takes more than {MAX_SECONDS} seconds")


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
