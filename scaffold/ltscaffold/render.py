"""From templates and answers to files, as Copier renders them, without importing Copier."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from traceback import extract_tb
from typing import Any

from jinja2 import (
    Environment,
    FileSystemLoader,
    StrictUndefined,
    TemplateError,
    TemplateSyntaxError,
)

from ltscaffold.answers import ANSWERS_FILE, Answers, Item
from ltscaffold.errors import ScaffoldError
from ltscaffold.kinds import CALLBACK_BASE

Files = dict[str, str]
"""Text by path relative to the project."""

SUFFIX = ".jinja"
ANSWERS_TEMPLATE = "{{ _copier_conf.answers_file }}.jinja"
LOOP = re.compile(r"{% yield (?P<name>\w+) from (?P<items>\w+) %}(?P<body>.*?){% endyield %}")
"""Copier's tag in a path: the path stands once for each of the items."""


def environment(templates: Path) -> Environment:
    """Return the Jinja environment that `copier.yml` describes."""
    return Environment(
        loader=FileSystemLoader(templates),
        keep_trailing_newline=True,
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )


def render(templates: Path, answers: Answers, only: Sequence[Item] | None = None) -> Files:
    """Return every file of the project that the answers describe, the answers file included.

    Args:
        templates: the folder of the templates.
        answers: what the project records.
        only: the items whose files are wanted, in place of all.

    Raises:
        ScaffoldError: if an item is based on what there is not.
    """
    for item in answers.items if only is None else only:
        _check_base(templates, answers, item)
    jinja, variables = environment(templates), answers.variables(only)
    files = {}
    for source in sorted((templates / "project").rglob("*")):
        if source.is_file():
            relative = source.relative_to(templates / "project").as_posix()
            for path, seen in _targets(jinja, relative, variables):
                template = source.relative_to(templates).as_posix()
                files[path] = _text(jinja, template, seen)
    return files


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
    """Return the text of the answers file."""
    return _text(environment(templates), f"project/{ANSWERS_TEMPLATE}", answers.variables())


def _targets(
    jinja: Environment, path: str, variables: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the paths that a template path stands for, each with the variables it sees."""
    loop = LOOP.search(path)
    if loop is None:
        yield jinja.from_string(path.removesuffix(SUFFIX)).render(variables), variables
        return
    once = path[: loop.start()] + loop["body"] + path[loop.end() :]
    for item in variables[loop["items"]]:
        yield from _targets(jinja, once, {**variables, loop["name"]: item})


def _text(jinja: Environment, template: str, variables: Mapping[str, Any]) -> str:
    """Return a file's text: rendered if its name ends in `.jinja`, else as it is."""
    if template.endswith(SUFFIX):
        try:
            return jinja.get_template(template).render(variables)
        except (TemplateError, TypeError, ValueError) as error:
            raise template_error(template, error) from None
    assert jinja.loader is not None
    return jinja.loader.get_source(jinja, template)[0]


def template_error(template: str, error: Exception) -> ScaffoldError:
    """Return the error for a template that does not render, with the line that Jinja is at."""
    if isinstance(error, TemplateSyntaxError):
        place = f"{error.name}:{error.lineno}"
    else:
        at = [at for at in extract_tb(error.__traceback__) if at.filename.endswith(SUFFIX)]
        place = f"{at[-1].filename}:{at[-1].lineno}" if at else template
    reason = " ".join(str(error).split())
    return ScaffoldError(f"the template {place} does not render: {reason or type(error).__name__}")
