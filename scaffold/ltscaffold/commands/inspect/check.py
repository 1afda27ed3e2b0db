"""`ltscaffold check`: what does not fit together in a project, with file and line.

All of it is read, nothing is imported or run, so it takes a moment.
"""

import shlex
import tempfile
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

from ltscaffold.errors import ScaffoldError, unknown
from ltscaffold.git import ignored_paths
from ltscaffold.project.components import project_files, train_arguments
from ltscaffold.project.diagnostics import IGNORED_BY_GIT, Finding, check_code, check_config
from ltscaffold.project.interpreter import python_output
from ltscaffold.project.project_fragments import ejected_fragments, fragment_names
from ltscaffold.project.status import ComponentStatus, status
from ltscaffold.record.answers import (
    ANSWERS_FILE,
    PROJECT_FRAGMENTS,
    Answers,
    Component,
    read_project,
)
from ltscaffold.templating import source
from ltscaffold.templating.catalog import Catalog, read_catalog
from ltscaffold.templating.render import SUFFIX
from ltscaffold.templating.samples import render_each, sample_answers, samples
from ltscaffold.writing.plan import read

LEGACY_DISTRIBUTION = "lightning-transformers"
"""The distribution that owns the import name of the runtime, too, and is no longer kept."""


def check(project: Path, name: str | None = None, smoke: bool = False) -> list[Finding]:
    """Return what is wrong with a project, or with one of its components.

    Args:
        project: the folder of the project.
        name: the component; all of them by default.
        smoke: also compose each config, import the class, and train a batch on the tiny backbone.

    Raises:
        ScaffoldError: if there is no project or no such component.
    """
    answers = read_project(project)
    chosen = answers.component(name) if name else None
    catalog = read_catalog(answers)
    findings = [*check_legacy_distribution(), *check_ejected(project, answers)]
    if any(finding.code == "template-error" for finding in findings):
        return findings  # the project's files cannot be rendered, to compare with
    findings += check_ignored(project, answers)
    for entry in status(project).components:
        if chosen in (None, entry.component):
            findings += check_component(project, catalog, entry)
            findings += check_run(project, entry.component) if smoke else []
    return findings


def check_ejected(project: Path, answers: Answers) -> Iterator[Finding]:
    """Yield fragments of the project's own that replace none, or give nothing that works."""
    names = ejected_fragments(project)
    templates = source.checkout(answers.source, answers.version)
    known = fragment_names(templates)
    for name in names:
        if name not in known:
            reason = unknown("fragment", name, known, "ltscaffold list hooks, or list recipes")
            yield Finding("unknown-partial", f"{PROJECT_FRAGMENTS}/{name}{SUFFIX}", 0, str(reason))
    if names:
        components = samples(Catalog(templates))
        fragments = sample_answers(answers.source, components, answers.project_fragments)
        problems = [
            files for _, files in render_each(templates, fragments) if isinstance(files, str)
        ]
        for problem in dict.fromkeys(problems):
            yield Finding("template-error", PROJECT_FRAGMENTS, 0, problem)


def check_component(project: Path, catalog: Catalog, entry: ComponentStatus) -> Iterator[Finding]:
    """Yield what is wrong with the files of a component."""
    name = entry.component.name
    for path, state in entry.files.items():
        if state == "missing":
            message = f"generated for {name}, and gone: restore it, or ltscaffold remove {name}"
            yield Finding("missing-file", path, 0, message)
    for stub in entry.stubs:
        message = f"{stub.name} does what the base does: fill it in"
        yield Finding("unfilled-stub", stub.path, stub.line, message)
    for path in entry.files:
        content = read(project, path)
        if content is not None and path.endswith(".py"):
            yield from check_code(path, content, entry.component, catalog)
        if content is not None and path.endswith(".yaml"):
            yield from check_config(project, path, content)


def check_run(project: Path, component: Component) -> Iterator[Finding]:
    """Yield a finding if a component does not train a batch."""
    command = [
        "train.py",
        *shlex.split(train_arguments(component)),
        "experiment=smoke",
        "debug=fast_dev_run",
    ]
    with tempfile.TemporaryDirectory() as folder:
        try:
            python_output(project, *command, f"hydra.run.dir={folder}")
        except ScaffoldError as error:
            yield Finding("run", "train.py", 0, f"{error} (`python {' '.join(command)}`)")


def check_ignored(project: Path, answers: Answers) -> Iterator[Finding]:
    """Yield generated files that git ignores: `copier update` would lose the edits in them."""
    fragments = [f"{PROJECT_FRAGMENTS}/{name}{SUFFIX}" for name in ejected_fragments(project)]
    for path in ignored_paths(project, [*project_files(answers), *fragments, ANSWERS_FILE]):
        yield Finding("ignored-file", path, 0, IGNORED_BY_GIT)


def check_legacy_distribution() -> Iterator[Finding]:
    """Yield a finding if the distribution is installed that has the runtime's import name."""
    if list(distributions(name=LEGACY_DISTRIBUTION)):
        message = (
            f"{LEGACY_DISTRIBUTION} is installed, whose import name is that of the runtime: "
            f"pip uninstall {LEGACY_DISTRIBUTION}, then reinstall ltscaffold"
        )
        yield Finding("abandoned-package", "", 0, message)
