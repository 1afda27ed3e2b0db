"""`ltscaffold check`: find inconsistencies in a project without importing or running it."""

import shlex
import tempfile
from collections.abc import Iterator
from importlib.metadata import distributions
from operator import attrgetter
from pathlib import Path

from lightning_transformers.shadowing import shadowing_modules
from ltscaffold.errors import ScaffoldError
from ltscaffold.git import ignored_paths
from ltscaffold.project.classes.checks import (
    Problem,
    check_class,
    former_methods,
    missing_values,
)
from ltscaffold.project.classes.configs import check_config
from ltscaffold.project.classes.source import Sources
from ltscaffold.project.components import skeleton_files, source_files, train_arguments
from ltscaffold.project.diagnostics import IGNORED_BY_GIT, Finding, check_code
from ltscaffold.project.interpreter import python_output
from ltscaffold.project.project_fragments import (
    ejected_fragments,
    unknown_fragment,
)
from ltscaffold.project.python_code import python_files
from ltscaffold.project.removed_hooks import removed_hooks
from ltscaffold.project.shell.pyproject import PYPROJECT, check_requirement
from ltscaffold.project.status import ComponentStatus, component_states
from ltscaffold.record.answers import (
    ANSWERS_FILE,
    PROJECT_FRAGMENTS,
    Answers,
    Component,
    read_project,
)
from ltscaffold.templating import source
from ltscaffold.templating.catalog import Catalog, read_catalog
from ltscaffold.templating.copier_rehearsal import unfit_settings
from ltscaffold.templating.fragments import SUFFIX, fragment_names
from ltscaffold.templating.render import Files
from ltscaffold.templating.samples import render_each, sample_answers, samples
from ltscaffold.writing.plan import consistent_reads, read

LEGACY_DISTRIBUTION = "lightning-transformers"
"""An unmaintained distribution with the same import name as the runtime."""


@consistent_reads()
def check(project: Path, name: str | None = None, smoke: bool = False) -> list[Finding]:
    """Return the findings in a project, or in one of its components.

    Args:
        project: the folder of the project.
        name: the component; by default all.
        smoke: also train a batch of each on the tiny backbone.

    Raises:
        ScaffoldError: if the project or the component does not exist.
    """
    answers = read_project(project)
    chosen = answers.component(name) if name else None
    catalog = read_catalog(answers)
    findings = [*check_legacy_distribution(), *check_ejected(project, answers)]
    if any(finding.code == "template-error" for finding in findings):
        return findings  # so the project's files cannot be rendered and compared
    components = component_states(project, answers)
    files = skeleton_files(answers)
    for entry in components:
        files |= entry.rendered
    findings += check_ignored(project, files)
    findings += check_shadowing(project)
    findings += check_git_settings(files)
    findings += check_requirement(project) if PYPROJECT in files else []
    sources = Sources(project)
    for entry in components:
        if chosen in (None, entry.component):
            findings += check_component(project, catalog, entry)
            findings += check_classes(sources, answers, entry)
            if smoke and entry.component.has_code:
                findings += check_run(project, entry.component)
    return [*findings, *check_former_methods(sources, findings)] if chosen is None else findings


def check_ejected(project: Path, answers: Answers) -> Iterator[Finding]:
    """Yield a finding for each overriding fragment that has no original or does not render."""
    names = ejected_fragments(project)
    templates = source.checkout(answers.source, answers.version)
    known = fragment_names(templates)
    for name in names:
        if name not in known:
            reason = unknown_fragment(name, known)
            yield Finding("unknown-partial", f"{PROJECT_FRAGMENTS}/{name}{SUFFIX}", 0, str(reason))
    if names:
        components = samples(Catalog(templates))
        overriding = sample_answers(answers.source, components, answers.project_fragments)
        rendered = render_each(templates, overriding)
        problems = [files for _, files in rendered if isinstance(files, str)]
        for problem in dict.fromkeys(problems):
            yield Finding("template-error", PROJECT_FRAGMENTS, 0, problem)


def check_component(project: Path, catalog: Catalog, entry: ComponentStatus) -> Iterator[Finding]:
    """Yield the findings in the files of a component."""
    name = entry.component.name
    for path, state in entry.files.items():
        if state == "missing":
            message = f"generated for {name}, but deleted; restore it, or ltscaffold remove {name}"
            yield Finding("missing-file", path, 0, message)
    for stub in entry.stubs:
        message = f"{stub.name} is a stub; implement it, or delete it"
        yield Finding("unfilled-stub", stub.path, stub.line, message)
    for path in entry.files:
        content = read(project, path)
        if content is not None and path.endswith(".py"):
            yield from check_code(path, content, entry.component, catalog)


def check_classes(sources: Sources, answers: Answers, entry: ComponentStatus) -> Iterator[Finding]:
    """Yield the findings in the config of a component, and in the classes of its modules."""
    for path in source_files(sources.project, answers, entry.component):
        for each in sources.classes(path):
            yield from check_class(sources, path, each)
    for path in entry.files:
        content = read(sources.project, path)
        if content is not None and path.endswith(".yaml"):
            yield from check_config(sources, path, content)


def check_former_methods(sources: Sources, findings: list[Finding]) -> Iterator[Finding]:
    """Yield the methods in all code of the project that nothing calls any more, if not found yet.

    Those are methods of lightning-transformers, and hooks that Lightning has removed.
    """
    known = set(findings)
    for path in python_files(sources.project):
        classes = list(sources.classes(path))
        types = {each.node.name: each.component_type or "" for each in classes}
        hooks = removed_hooks(path, read(sources.project, path), types)
        found: list[Finding] = []
        for each in classes:
            forms = list[Problem]()
            if any(name.startswith("configure_metric") for name in each.members):
                missing = missing_values(sources, each)
                forms = [each for each in missing if each[2].startswith("configure_metric")]
            problems = [*former_methods(sources, each), *forms]
            found += [Finding(code, path, line, message) for code, line, message in problems]
        found += [Finding("former-hook", path, hook.line, hook.message) for hook in hooks]
        new = (finding for finding in found if finding not in known)
        yield from sorted(new, key=attrgetter("line"))


def check_run(project: Path, component: Component) -> Iterator[Finding]:
    """Yield a finding if training a batch of a component fails."""
    arguments = shlex.split(train_arguments(component))
    command = ["train.py", *arguments, "experiment=smoke", "debug=fast_dev_run"]
    with tempfile.TemporaryDirectory() as folder:
        try:
            python_output(project, *command, f"hydra.run.dir={folder}")
        except ScaffoldError as error:
            yield Finding("run", "train.py", 0, f"{error} (`python {' '.join(command)}`)")


def check_ignored(project: Path, files: Files) -> Iterator[Finding]:
    """Yield a finding for each generated file, ejected fragment or record that git ignores."""
    fragments = [f"{PROJECT_FRAGMENTS}/{name}{SUFFIX}" for name in ejected_fragments(project)]
    for path in ignored_paths(project, [*sorted(files), *fragments, ANSWERS_FILE]):
        yield Finding("ignored-file", path, 0, IGNORED_BY_GIT)


def check_shadowing(project: Path) -> Iterator[Finding]:
    """Yield a finding for each module beside `train.py` that hides an installed one."""
    for path, name in shadowing_modules(str(project)).items():
        message = f"it hides the installed module {name} from libraries; rename it"
        yield Finding("shadowing-module", path, 0, message)


def check_git_settings(files: Files) -> Iterator[Finding]:
    """Yield a finding for each of the user's git settings with which `copier update` goes wrong."""
    for setting, problem in unfit_settings(files, source.SOURCE_URL):
        message = (
            f"`copier update` {problem} with your git setting {setting.key}={setting.value}; "
            f"use `ltscaffold update`, or reset it: {setting.reset}"
        )
        yield Finding("git-setting", "", 0, message)


def check_legacy_distribution() -> Iterator[Finding]:
    """Yield a finding if `lightning-transformers` is installed, which shadows the runtime."""
    if list(distributions(name=LEGACY_DISTRIBUTION)):
        message = (
            f"{LEGACY_DISTRIBUTION} is installed and shadows the runtime; "
            f"pip uninstall {LEGACY_DISTRIBUTION}, then reinstall ltscaffold"
        )
        yield Finding("abandoned-package", "", 0, message)
