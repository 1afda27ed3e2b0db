"""Render templates as Copier does, without importing Copier."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path, PurePath
from traceback import extract_tb

from jinja2 import TemplateSyntaxError

from ltscaffold.errors import ScaffoldError
from ltscaffold.record.answers import (
    ANSWERS_FILE,
    FOLDERS,
    Answers,
    Component,
    Variables,
    to_record,
)
from ltscaffold.record.component_types import CALLBACK_BASE, COMPONENT_TYPES, SHELL_BASE
from ltscaffold.templating.fragments import SUFFIX
from ltscaffold.templating.sandbox import Sandbox, limited, refuse_links, render_bounded

Files = dict[str, str]
"""Texts by path relative to the project."""

ANSWERS_TEMPLATE = "{{ _copier_conf.answers_file }}.jinja"
LOOP = re.compile(r"{% yield (?P<name>\w+) from (?P<components>\w+) %}(?P<body>.*?){% endyield %}")
"""Copier's loop in a path: one file per component."""
RECORDED_VERSION = re.compile(
    r'(?P<before>"name": "(?P<name>\w+)", .*"v": ")(?P<version>.*)(?="\})'
)
"""The version of a component, in its line of the record."""


def environment(templates: Path, project_fragments: Path | None = None) -> Sandbox:
    """Return the Jinja environment that `copier.yml` describes; it caches compiled templates.

    Args:
        templates: the folder of the templates.
        project_fragments: a folder with fragments that override those of the templates.

    Raises:
        ScaffoldError: for a symbolic link among the fragments.
    """
    if project_fragments is None or not project_fragments.is_dir():
        return _environment((templates,), ())
    refuse_links(project_fragments)
    # Jinja notices a changed file, but not a new one that overrides a cached one.
    return _environment((project_fragments, templates), tuple(sorted(project_fragments.rglob("*"))))


@cache
def _environment(folders: tuple[Path, ...], files: tuple[Path, ...]) -> Sandbox:
    """Return the environment for templates.

    Args:
        folders: the folders of templates; a file of an earlier one overrides those of later ones.
        files: the project's fragments; a new one makes a new environment in the cache.
    """
    return Sandbox(folders)


def render(
    templates: Path, answers: Answers, only: list[Component] | None = None, skeleton: bool = True
) -> Files:
    """Return the files of a project.

    Args:
        templates: the folder of the templates.
        answers: the record of the project.
        only: the components to render; by default all.
        skeleton: also render files that belong to no component, the record included.

    Raises:
        ScaffoldError: if the base of a component does not exist, or a template has an error.
    """
    components = answers.components if only is None else only
    files = render_skeleton(templates, answers, components) if skeleton else {}
    for each in render_components(templates, answers, components):
        files |= each
    return files


def render_skeleton(
    templates: Path, answers: Answers, components: list[Component], record: bool = True
) -> Files:
    """Return the files of a project that belong to no component.

    Args:
        templates: the folder of the templates.
        answers: the record of the project.
        components: those that the templates see as the components of each type.
        record: also render the record.

    Raises:
        ScaffoldError: if a template has an error.
    """
    jinja = environment(templates, answers.project_fragments)
    variables = answers.variables(components)
    return {
        path: _render_file(jinja, f"project/{source}", seen)
        for source in _sources(templates)
        if not _is_per_component(source) and (record or source != ANSWERS_TEMPLATE)
        for path, seen in _expand_path(jinja, source, variables)
    }


def render_components(
    templates: Path, answers: Answers, components: Sequence[Component]
) -> Iterator[Files]:
    """Yield the files of each component, in their order.

    Args:
        templates: the folder of the templates.
        answers: the record of the project.
        components: the components to render.

    Raises:
        ScaffoldError: if the base of a component does not exist, or a template has an error.
    """
    for component in components:
        _check_base(templates, answers, component)
    jinja = environment(templates, answers.project_fragments)
    variables = answers.variables([])
    sources: dict[str, list[str]] = {}
    for source in _sources(templates):
        if loop := LOOP.search(source):
            sources.setdefault(loop["components"], []).append(source)
    for component in components:
        loop_variable = COMPONENT_TYPES[component.type].loop_variable
        own = {**variables, loop_variable: [to_record(component)]}
        yield {
            path: _render_file(jinja, f"project/{source}", seen)
            for source in sources.get(loop_variable, ())
            for path, seen in _expand_path(jinja, source, own)
        }


def _sources(templates: Path) -> list[str]:
    """Return the paths of the templates of a project's files, sorted."""
    project = templates / "project"
    paths = (path.relative_to(project) for path in project.rglob("*") if path.is_file())
    return [*map(PurePath.as_posix, sorted(paths))]


def _is_per_component(source: str) -> bool:
    loop = LOOP.search(source)
    return loop is not None and loop["components"] != FOLDERS


def _check_base(templates: Path, answers: Answers, component: Component) -> None:
    """Raise ScaffoldError if the base of a component does not exist."""
    if component.base in (CALLBACK_BASE, SHELL_BASE) or answers.ancestors(component.base):
        return
    if not (templates / "bases" / f"{component.base}{SUFFIX}").is_file():
        raise ScaffoldError(
            f"'{component.name}' is based on '{component.base}', which is neither in "
            f"{ANSWERS_FILE} nor in the templates (merged branches?); restore the line of "
            f"'{component.base}', or delete that of '{component.name}'"
        )


def render_answers(templates: Path, answers: Answers) -> str:
    """Return the text of the record.

    Args:
        templates: the folder of the templates, which write all components at one version.
        answers: the content, with the version of each component.
    """
    text = _render_file(environment(templates), f"project/{ANSWERS_TEMPLATE}", answers.variables())
    versions = {each.name: each.template_version for each in answers.components}

    def with_version(line: re.Match[str]) -> str:
        return line["before"] + versions.get(line["name"], line["version"])

    return RECORDED_VERSION.sub(with_version, text)


def _expand_path(
    jinja: Sandbox, path: str, variables: Variables
) -> Iterator[tuple[str, Variables]]:
    """Yield the paths that a template path renders to, each with its variables.

    Args:
        jinja: the environment.
        path: path of the template below `project`; a loop in it yields a path per component.
        variables: the variables of the project, to which a loop adds its component.
    """
    loop = LOOP.search(path)
    if loop is None:
        target = jinja.expression(path.removesuffix(SUFFIX)).render(variables)
        if all(target.split("/")):  # Copier skips a path with an empty part
            yield target, variables
        return
    once = path[: loop.start()] + loop["body"] + path[loop.end() :]
    components = variables[loop["components"]]
    assert isinstance(components, list)
    for component in components:
        yield from _expand_path(jinja, once, {**variables, loop["name"]: component})


def _render_file(jinja: Sandbox, template: str, variables: Variables) -> str:
    """Return the text of a file: rendered if its name ends in `.jinja`, else unchanged.

    Args:
        jinja: the environment.
        template: path of the template from the folder of the templates.
        variables: the variables to render it with.
    """
    if template.endswith(SUFFIX):
        with one_line_errors(template):
            return render_bounded(jinja.get_template(template), variables)
    assert jinja.loader is not None
    return jinja.loader.get_source(jinja, template)[0]


@contextmanager
def one_line_errors(template: str) -> Iterator[None]:
    """Raise ScaffoldError, with the line of the template, for a template error or a limit."""
    try:
        with limited():
            yield
    except ScaffoldError:
        raise
    except Exception as error:  # filters raise errors of any kind
        raise _template_error(template, error) from None


def _template_error(template: str, error: Exception) -> ScaffoldError:
    if isinstance(error, TemplateSyntaxError):
        location = f"{error.filename or error.name}:{error.lineno}"
    else:
        frames = [f for f in extract_tb(error.__traceback__) if f.filename.endswith(SUFFIX)]
        location = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else template
    reason = " ".join(str(error).split())
    return ScaffoldError(f"cannot render {location}: {reason or type(error).__name__}; correct it")
