"""From templates and answers to files, as Copier renders them, without importing Copier."""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path, PurePath
from traceback import extract_tb

from jinja2 import (
    Environment,
    FileSystemLoader,
    StrictUndefined,
    Template,
    TemplateError,
    TemplateSyntaxError,
)
from jinja2.sandbox import SandboxedEnvironment

from ltscaffold.errors import ScaffoldError
from ltscaffold.record.answers import ANSWERS_FILE, Answers, Item, Variables
from ltscaffold.record.component_types import CALLBACK_BASE

Files = dict[str, str]
"""Text by path relative to the project."""

LARGEST_FILE = 10_000_000
"""Characters that a template may render to: a loop of a template cannot fill the memory."""
SUFFIX = ".jinja"
ANSWERS_TEMPLATE = "{{ _copier_conf.answers_file }}.jinja"
LOOP = re.compile(r"{% yield (?P<name>\w+) from (?P<items>\w+) %}(?P<body>.*?){% endyield %}")
"""Copier's tag in a path: the path stands once for each of the items."""


def environment(templates: Path, own_partials: Path | None = None) -> Environment:
    """Return the Jinja environment that `copier.yml` describes; it keeps what it compiled.

    Args:
        templates: the folder of the templates.
        own_partials: a folder with partials that stand in for those of the templates.
    """
    if own_partials is None or not own_partials.is_dir():
        return _environment((templates,), ())
    # Jinja sees that a file changed, and not that there is one more in front of it.
    return _environment((own_partials, templates), tuple(sorted(own_partials.rglob("*"))))


@cache
def _environment(folders: tuple[Path, ...], files: tuple[Path, ...]) -> Environment:
    """Return the environment of folders, the first before the others, as long as it has files."""
    return SandboxedEnvironment(
        extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"],  # as Copier has it
        loader=FileSystemLoader(folders),
        keep_trailing_newline=True,
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )


def render(
    templates: Path, answers: Answers, only: Sequence[Item] | None = None, skeleton: bool = True
) -> Files:
    """Return the files of the project that the answers describe.

    Args:
        templates: the folder of the templates.
        answers: what the project records.
        only: the items whose files are wanted, in place of all.
        skeleton: whether files that belong to no item are wanted, the answers file included.

    Raises:
        ScaffoldError: if an item is based on what there is not.
    """
    items = answers.items if only is None else only
    for item in items:
        _check_base(templates, answers, item)
    jinja, variables = environment(templates, answers.own_partials), answers.variables(items)
    project = templates / "project"
    paths = (path.relative_to(project) for path in project.rglob("*") if path.is_file())
    return {
        path: _text(jinja, f"project/{source}", seen)
        for source in map(PurePath.as_posix, sorted(paths))
        if skeleton or LOOP.search(source)
        for path, seen in _targets(jinja, source, variables)
    }


def _check_base(templates: Path, answers: Answers, item: Item) -> None:
    """Raise ScaffoldError where merged branches left an item without its base."""
    if item.base == CALLBACK_BASE or answers.ancestors(item.base):
        return
    if not (templates / "bases" / f"{item.base}{SUFFIX}").is_file():
        raise ScaffoldError(
            f"{item.name} is based on {item.base}, which is neither in {ANSWERS_FILE} nor in the "
            "templates (merged branches?): take the line of one back, or delete that of the other"
        )


def render_answers(templates: Path, answers: Answers) -> str:
    """Return the text of the answers file; an item may be at another version than the project."""
    text = _text(environment(templates), f"project/{ANSWERS_TEMPLATE}", answers.variables())
    for item in answers.items:
        if item.v != answers.version:
            line = re.compile(rf'(?<="name": "{item.name}", )(.*"v": ").*(?="\}})')
            text = line.sub(rf"\g<1>{item.v}", text)
    return text


def _targets(
    jinja: Environment, path: str, variables: Variables
) -> Iterator[tuple[str, Variables]]:
    """Yield the paths that a template path stands for, each with the variables it sees."""
    loop = LOOP.search(path)
    if loop is None:
        yield _compiled(jinja, path.removesuffix(SUFFIX)).render(variables), variables
        return
    once = path[: loop.start()] + loop["body"] + path[loop.end() :]
    items = variables[loop["items"]]
    assert isinstance(items, list)
    for item in items:
        yield from _targets(jinja, once, {**variables, loop["name"]: item})


@cache
def _compiled(jinja: Environment, text: str) -> Template:
    return jinja.from_string(text)


def _text(jinja: Environment, template: str, variables: Variables) -> str:
    """Return a file's text: rendered if its name ends in `.jinja`, else as it is."""
    if template.endswith(SUFFIX):
        with one_line_errors(template):
            return _bounded(jinja.get_template(template), variables)
    assert jinja.loader is not None
    return jinja.loader.get_source(jinja, template)[0]


def _bounded(template: Template, variables: Variables) -> str:
    """Return the rendered text; raises ValueError as soon as it exceeds `LARGEST_FILE`."""
    text = io.StringIO()
    for chunk in template.generate(variables):
        text.write(chunk)
        if text.tell() > LARGEST_FILE:
            raise ValueError(f"it renders to more than {LARGEST_FILE:,} characters")
    return text.getvalue()


@contextmanager
def one_line_errors(template: str) -> Iterator[None]:
    """Turn an error of a template into a ScaffoldError that names the line."""
    try:
        yield
    except (TemplateError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
        raise _template_error(template, error) from None


def _template_error(template: str, error: Exception) -> ScaffoldError:
    if isinstance(error, TemplateSyntaxError):
        place = f"{error.filename or error.name}:{error.lineno}"
    else:
        at = [at for at in extract_tb(error.__traceback__) if at.filename.endswith(SUFFIX)]
        place = f"{at[-1].filename}:{at[-1].lineno}" if at else template
    reason = " ".join(str(error).split())
    return ScaffoldError(f"the template {place} does not render: {reason or type(error).__name__}")
