"""`ltscaffold check`: what does not fit together in a project, with file and line.

All of it is read, nothing is imported or run, so it takes a moment.
"""

import shlex
import tempfile
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

from ltscaffold.errors import ScaffoldError, unknown
from ltscaffold.git import ignored
from ltscaffold.project.components import project_files, usage_of
from ltscaffold.project.diagnostics import IGNORED, Finding, check_code, check_config
from ltscaffold.project.interpreter import run_python
from ltscaffold.project.own_partials import ejected, partial_names
from ltscaffold.project.status import ItemStatus, status
from ltscaffold.record.answers import ANSWERS_FILE, OWN_PARTIALS, Answers, Item, read_project
from ltscaffold.templating import source
from ltscaffold.templating.catalog import Catalog, catalog_of
from ltscaffold.templating.render import SUFFIX
from ltscaffold.templating.samples import render_each, sample_answers, samples
from ltscaffold.writing.plan import read

ABANDONED = "lightning-transformers"
"""The distribution that owns the import name of the runtime, too, and is no longer kept."""


def check(project: Path, name: str | None = None, run: bool = False) -> list[Finding]:
    """Return what is wrong with a project, or with one of its items.

    Args:
        project: the folder of the project.
        name: the item; all of them by default.
        run: also compose each config, import the class, and train a batch on the tiny backbone.

    Raises:
        ScaffoldError: if there is no project or no such item.
    """
    answers = read_project(project)
    chosen = answers.item(name) if name else None
    catalog = catalog_of(answers)
    findings = [*check_abandoned(), *check_ejected(project, answers)]
    if any(finding.code == "template-error" for finding in findings):
        return findings  # the project's files cannot be rendered, to compare with
    findings += check_ignored(project, answers)
    for entry in status(project).items:
        if chosen in (None, entry.item):
            findings += check_item(project, catalog, entry)
            findings += check_run(project, entry.item) if run else []
    return findings


def check_ejected(project: Path, answers: Answers) -> Iterator[Finding]:
    """Yield partials of the project's own that replace none, or give nothing that works."""
    names = ejected(project)
    templates = source.checkout(answers.source, answers.version)
    known = partial_names(templates)
    for name in names:
        if name not in known:
            reason = unknown("partial", name, known, "ltscaffold list hooks, or list recipes")
            yield Finding("unknown-partial", f"{OWN_PARTIALS}/{name}{SUFFIX}", 0, str(reason))
    if names:
        items = samples(Catalog(templates))
        own = sample_answers(answers.source, items, answers.own_partials)
        problems = [files for _, files in render_each(templates, own) if isinstance(files, str)]
        for problem in dict.fromkeys(problems):
            yield Finding("template-error", OWN_PARTIALS, 0, problem)


def check_item(project: Path, catalog: Catalog, entry: ItemStatus) -> Iterator[Finding]:
    """Yield what is wrong with the files of an item."""
    name = entry.item.name
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
            yield from check_code(path, content, entry.item, catalog)
        if content is not None and path.endswith(".yaml"):
            yield from check_config(project, path, content)


def check_run(project: Path, item: Item) -> Iterator[Finding]:
    """Yield a finding if an item does not train a batch."""
    command = ["train.py", *shlex.split(usage_of(item)), "experiment=smoke", "debug=fast_dev_run"]
    with tempfile.TemporaryDirectory() as folder:
        try:
            run_python(project, *command, f"hydra.run.dir={folder}")
        except ScaffoldError as error:
            yield Finding("run", "train.py", 0, f"{error} (`python {' '.join(command)}`)")


def check_ignored(project: Path, answers: Answers) -> Iterator[Finding]:
    """Yield generated files that git ignores: `copier update` would lose the edits in them."""
    own = [f"{OWN_PARTIALS}/{name}{SUFFIX}" for name in ejected(project)]
    for path in ignored(project, [*project_files(answers), *own, ANSWERS_FILE]):
        yield Finding("ignored-file", path, 0, IGNORED)


def check_abandoned() -> Iterator[Finding]:
    """Yield a finding if the distribution is installed that has the runtime's import name."""
    if list(distributions(name=ABANDONED)):
        message = (
            f"{ABANDONED} is installed, whose import name is that of the runtime: "
            f"pip uninstall {ABANDONED}, then reinstall ltscaffold"
        )
        yield Finding("abandoned-package", "", 0, message)
