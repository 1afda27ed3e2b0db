"""`ltscaffold template test`: what templates give, as a careful author would look through it."""

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from itertools import zip_longest
from pathlib import Path

import yaml

from ltscaffold.errors import ScaffoldError
from ltscaffold.git import git
from ltscaffold.project.diagnostics import Finding
from ltscaffold.project.interpreter import last_line, run_python
from ltscaffold.record.answers import ANSWERS_FILE, Component
from ltscaffold.templating.catalog import Catalog
from ltscaffold.templating.render import Files, render
from ltscaffold.templating.samples import (
    VERSION,
    pairs,
    recipe_samples,
    render_each,
    sample_answers,
    samples,
)
from ltscaffold.templating.source import check_templates
from ltscaffold.writing.plan import read, write_files

GOLDENS = "goldens"
"""Folder of templates with what they are to give. It is beside `project`, so in no project."""
SKELETON = "project"
RUFF = ("--isolated", "--no-cache", "--output-format", "concise", ".")
RULES = "B,E,F,I,N,UP,SIM"
PYTEST = ("pytest", "--quiet", "--tb=no", "-rfE", "-p", "no:cacheprovider")

Rendered = dict[str, Files]
"""The files of each component by its name, and those of the project."""


def template_test(
    templates: Path,
    run: bool = True,
    accept: bool = False,
    step: Callable[[str], object] = lambda _: None,
) -> list[Finding]:
    """Return what is wrong with templates, a finding each.

    Args:
        templates: their folder, be it under git or not.
        run: also run the tests of the generated projects, which train tiny models.
        accept: take what they give for right from now on: write the goldens.
        step: is told what is done next.

    Raises:
        ScaffoldError: if the folder holds no templates, or a tool for the work is not installed.
    """
    templates = templates.resolve()
    check_templates(templates, str(templates))
    check_tools(run)
    catalog = Catalog(templates)
    tested = samples(catalog)
    shown = [*tested, *recipe_samples(catalog)]
    step("rendering")
    answers = sample_answers(str(templates), [*shown, *pairs(catalog)])
    rendered: Rendered = {SKELETON: render(templates, answers, [])}
    findings = []
    for component, files in render_each(templates, answers):
        if isinstance(files, str):
            findings.append(Finding("template-error", component.name, 0, files))
        else:
            rendered[component.name] = files
    names = [
        name for name in (SKELETON, *(component.name for component in shown)) if name in rendered
    ]
    goldens = {name: golden_text(rendered[name]) for name in names}
    with tempfile.TemporaryDirectory(prefix="ltscaffold-test") as folder:
        project = Path(folder) / "generated"
        for files in rendered.values():
            write_files(project, files)
        step("linting")
        findings += lint(project)
        step("comparing with Copier")
        findings += compare_with_copier(templates, shown, Path(folder))
        step("comparing with the goldens")
        findings += (
            update_goldens(templates, goldens) if accept else compare_goldens(templates, goldens)
        )
        if run:
            step("running the generated tests")
            findings += run_tests(project, tested)
    return findings


def check_tools(run: bool) -> None:
    """Raise ScaffoldError if what lints, or what runs tests, is not installed."""
    if find_spec("ruff") is None:
        raise ScaffoldError("ruff is not installed, which lints what is rendered: pip install ruff")
    if run and None in (find_spec("pytest"), find_spec("torch")):
        raise ScaffoldError(
            "pytest or torch is not installed: pip install pytest 'ltscaffold[train]', or --no-run"
        )


def lint(project: Path) -> Iterator[Finding]:
    """Yield what ruff finds: a file of another format, or a line of a bad style."""
    printed = {
        "format": module_output(project, "ruff", "format", "--check", *RUFF),
        "style": module_output(project, "ruff", "check", "--select", RULES, *RUFF),
    }
    for code, lines in printed.items():
        for path, line, message in re.findall(r"(?m)^(.+?):(\d+):\d+: (.+)$", lines):
            yield Finding(code, path, int(line), message)


def run_tests(project: Path, components: Sequence[Component]) -> Iterator[Finding]:
    """Yield the tests that fail of those that were generated for components."""
    tests = [f"tests/test_{component.name}.py" for component in components]
    there = [test for test in tests if (project / test).is_file()]
    printed = module_output(project, *PYTEST, *there)
    failed = re.findall(r"(?m)^(?:FAILED|ERROR) (\S+?)(?:::| - )(.*)$", printed)
    for path, message in failed:
        yield Finding("test", path, 0, message)
    if not failed and not re.search(r"\b\d+ passed\b", printed):
        yield Finding("test", "tests", 0, " ".join(printed.split())[-200:] or "pytest gave up")


def compare_with_copier(
    templates: Path, components: Sequence[Component], folder: Path
) -> Iterator[Finding]:
    """Yield what Copier, without --trust, renders differently for a component of each kind."""
    copy, project = folder / "templates", folder / "copied"
    shutil.copytree(templates, copy, ignore=shutil.ignore_patterns(".git", GOLDENS))
    git("init", "--quiet", cwd=copy)
    git("add", "--all", "--force", cwd=copy)
    author = ("-c", "user.name=ltscaffold", "-c", "user.email=ltscaffold@localhost")
    git(*author, "commit", "--quiet", "--no-gpg-sign", "--message", VERSION, cwd=copy)
    git("tag", VERSION, cwd=copy)
    last = {component.type: component for component in components}
    answers = sample_answers(str(copy), list(last.values()))
    data = {name: value for name, value in answers.variables().items() if name[0] != "_"}
    write_files(folder, {"data.yml": yaml.safe_dump(data)})
    options = ("--defaults", "--quiet", "--vcs-ref", VERSION, "--data-file", folder / "data.yml")
    printed = module_output(folder, "copier", "copy", *options, copy, project)
    if not project.is_dir():
        message = f"Copier does not render them: {last_line(printed)}"
        yield Finding("copier", "copier.yml", 0, message)
        return
    for path, text in render(templates, answers).items():
        if read(project, path) != text.encode():
            yield Finding("copier", path, 0, "Copier renders it differently")


def golden_text(files: Files) -> str:
    """Return files as one text, which no tool takes for code; not the record of the project."""
    shown = {path: text for path, text in files.items() if path != ANSWERS_FILE}
    return "".join(f"==> {path} <==\n{text}" for path, text in shown.items())


def compare_goldens(templates: Path, goldens: dict[str, str]) -> Iterator[Finding]:
    """Yield the goldens that are not what is rendered; without a folder there are none."""
    folder = templates / GOLDENS
    if not folder.is_dir():
        return
    for name, text in goldens.items():
        was = (read(folder, f"{name}.txt") or b"").decode(errors="replace")
        if was != text:
            lines = zip_longest(was.splitlines(), text.splitlines())
            differences = (number for number, (a, b) in enumerate(lines, 1) if a != b)
            message = "is rendered differently: see git diff after --accept"
            yield Finding("golden", f"{GOLDENS}/{name}.txt", next(differences, 0), message)
    for name in sorted({path.stem for path in folder.glob("*.txt")} - goldens.keys()):
        yield Finding("golden", f"{GOLDENS}/{name}.txt", 0, "is no longer rendered: --accept")


def update_goldens(templates: Path, goldens: dict[str, str]) -> list[Finding]:
    """Write the goldens, and delete others; nothing is left to find."""
    for path in (templates / GOLDENS).glob("*.txt"):
        path.unlink()
    write_files(templates / GOLDENS, {f"{name}.txt": text for name, text in goldens.items()})
    return []


def module_output(folder: Path, module: str, *arguments: str | Path) -> str:
    """Return what a Python module prints when it is run in a folder."""
    done = run_python(folder, "-m", module, *arguments)
    return done.stdout + done.stderr
