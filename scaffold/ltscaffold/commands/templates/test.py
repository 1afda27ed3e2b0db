"""`ltscaffold template test`: render templates, lint, compare and test the output."""

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
from ltscaffold.record.component_types import SHELL
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
"""Folder with the expected output of templates, beside `project`, so not rendered itself."""
SKELETON = "project"
RUFF = ("--isolated", "--no-cache", "--output-format", "concise", ".")
RULES = "B,E,F,I,N,UP,SIM"
PYTEST = ("pytest", "--quiet", "--tb=no", "-rfE", "-p", "no:cacheprovider")

Rendered = dict[str, Files]
"""The files of each component by its name, and of the skeleton."""


def template_test(
    templates: Path,
    run: bool = True,
    accept: bool = False,
    step: Callable[[str], object] = lambda _: None,
) -> list[Finding]:
    """Return the findings in templates.

    Args:
        templates: their folder.
        run: also run the generated tests, which train tiny models.
        accept: write the current output as the expected one.
        step: called with the name of each step.

    Raises:
        ScaffoldError: if the folder has no templates, or a tool is not installed.
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
    expected = {SKELETON, *(component.name for component in shown)}
    goldens = {name: golden_text(files) for name, files in rendered.items() if name in expected}
    with tempfile.TemporaryDirectory(prefix="ltscaffold-test") as folder:
        project = Path(folder) / "generated"
        for files in rendered.values():
            write_files(project, files)
        step("linting")
        findings += lint(project)
        step("comparing with Copier")
        findings += compare_with_copier(templates, shown, Path(folder))
        step("comparing with the goldens")
        findings += (update_goldens if accept else compare_goldens)(templates, goldens)
        if run:
            step("running the generated tests")
            findings += run_tests(project, tested)
    return findings


def check_tools(run: bool) -> None:
    """Check that the tools of `template test` are installed.

    Args:
        run: whether it runs the generated tests.

    Raises:
        ScaffoldError: if the linter, or with `run` pytest or torch, is missing.
    """
    if find_spec("ruff") is None:
        raise ScaffoldError("cannot lint: ruff is not installed; pip install ruff")
    for module, package in {"pytest": "pytest", "torch": "'ltscaffold[train]'"}.items():
        if run and find_spec(module) is None:
            raise ScaffoldError(
                f"cannot run tests: {module} is not installed; pip install {package}, or use "
                "--no-run"
            )


def lint(project: Path) -> Iterator[Finding]:
    """Yield the findings of ruff on format and style."""
    printed = {
        "format": module_output(project, "ruff", "format", "--check", *RUFF),
        "style": module_output(project, "ruff", "check", "--select", RULES, *RUFF),
    }
    for code, lines in printed.items():
        for path, line, message in re.findall(r"(?m)^(.+?):(\d+):\d+: (.+)$", lines):
            yield Finding(code, path, int(line), message)


def run_tests(project: Path, components: Sequence[Component]) -> Iterator[Finding]:
    """Yield a finding per failing test, or one if no test passed.

    Args:
        project: the folder of the rendered project.
        components: those whose tests are run.
    """
    tests = [f"tests/test_{component.name}.py" for component in components]
    existing = [test for test in tests if (project / test).is_file()]
    printed = module_output(project, *PYTEST, *existing)
    failed = re.findall(r"(?m)^(?:FAILED|ERROR) (\S+?)(?:::| - )(.*)$", printed)
    for path, message in failed:
        yield Finding("test", path, 0, message)
    if not failed and not re.search(r"\b\d+ passed\b", printed):
        yield Finding("test", "tests", 0, " ".join(printed.split())[-200:] or "no output")


def compare_with_copier(templates: Path, shown: list[Component], folder: Path) -> Iterator[Finding]:
    """Yield a finding for each file that Copier, without --trust, renders differently.

    If Copier fails, that is the only finding.

    Args:
        templates: the folder of the templates.
        shown: components, of which all shells and the last of each other type are rendered.
        folder: a temporary folder, for a copy of the templates and the output.
    """
    copy, project = folder / "templates", folder / "copied"
    shutil.copytree(templates, copy, ignore=shutil.ignore_patterns(".git", GOLDENS))
    git("init", "--quiet", cwd=copy)
    git("add", "--all", "--force", cwd=copy)
    author = ("-c", "user.name=ltscaffold", "-c", "user.email=ltscaffold@localhost")
    git(*author, "commit", "--quiet", "--no-gpg-sign", "--message", VERSION, cwd=copy)
    git("tag", VERSION, cwd=copy)
    last = {c.name if c.type == SHELL.name else c.type: c for c in shown}
    answers = sample_answers(str(copy), list(last.values()))
    data = {name: value for name, value in answers.variables().items() if name[0] != "_"}
    write_files(folder, {"data.yml": yaml.safe_dump(data)})
    options = ("--defaults", "--quiet", "--vcs-ref", VERSION, "--data-file", folder / "data.yml")
    printed = module_output(folder, "copier", "copy", *options, copy, project)
    if not project.is_dir():
        message = f"Copier cannot render the templates: {last_line(printed)}"
        yield Finding("copier", "copier.yml", 0, message)
        return
    for path, text in render(templates, answers).items():
        if read(project, path) != text.encode():
            yield Finding("copier", path, 0, "Copier renders it differently")


def golden_text(files: Files) -> str:
    """Return the content of a golden: all files of a component in one text, with their paths."""
    shown = {path: text for path, text in files.items() if path != ANSWERS_FILE}
    return "".join(f"==> {path} <==\n{text}" for path, text in shown.items())


def compare_goldens(templates: Path, goldens: dict[str, str]) -> Iterator[Finding]:
    """Yield a finding for each golden that differs from the output, or is no longer rendered.

    Args:
        templates: the folder of the templates; without `goldens` in it, nothing is compared.
        goldens: the output by name of the component.
    """
    folder = templates / GOLDENS
    if not folder.is_dir():
        return
    for name, text in goldens.items():
        was = (read(folder, f"{name}.txt") or b"").decode(errors="replace")
        if was != text:
            lines = zip_longest(was.splitlines(), text.splitlines())
            differences = (number for number, (a, b) in enumerate(lines, 1) if a != b)
            message = "the output differs; see git diff after --accept"
            yield Finding("golden", f"{GOLDENS}/{name}.txt", next(differences, 0), message)
    for name in sorted({path.stem for path in folder.glob("*.txt")} - goldens.keys()):
        yield Finding(
            "golden", f"{GOLDENS}/{name}.txt", 0, "no longer rendered; delete it with --accept"
        )


def update_goldens(templates: Path, goldens: dict[str, str]) -> list[Finding]:
    """Write the output as goldens, and delete all others.

    Args:
        templates: the folder of the templates.
        goldens: the output by name of the component.

    Returns:
        An empty list of findings, since the goldens now equal the output.
    """
    for path in (templates / GOLDENS).glob("*.txt"):
        path.unlink()
    write_files(templates / GOLDENS, {f"{name}.txt": text for name, text in goldens.items()})
    return []


def module_output(folder: Path, module: str, *arguments: str | Path) -> str:
    """Run `python -m <module> <arguments>` in a folder; return its standard output and error."""
    completed = run_python(folder, "-m", module, *arguments)
    return completed.stdout + completed.stderr
