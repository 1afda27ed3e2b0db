"""`ltscaffold check`: what does not fit together in a project, with file and line.

All of it is read, nothing is imported or run, so it takes a moment.
"""

import ast
import shlex
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import yaml

from ltscaffold import source
from ltscaffold.answers import ANSWERS_FILE, OWN_PARTIALS, Answers, Item, read_project
from ltscaffold.catalog import Catalog
from ltscaffold.commands.status import ItemStatus, status
from ltscaffold.commands.template_eject import ejected, partial_names
from ltscaffold.errors import ScaffoldError, unknown
from ltscaffold.former_hooks import former_hooks
from ltscaffold.git import ignored
from ltscaffold.items import project_files, usage_of
from ltscaffold.kinds import KINDS
from ltscaffold.plan import read
from ltscaffold.render import SUFFIX
from ltscaffold.runtime import run_python
from ltscaffold.samples import render_each, sample_answers, samples

IGNORED = "git ignores it; `copier update` loses edits in such a file"
ABANDONED = "lightning-transformers"
"""The distribution that owns the import name of the runtime, too, and is no longer kept."""


@dataclass(frozen=True)
class Finding:
    """What is wrong, where, and what to do.

    Attributes:
        code: a word for the kind of finding, such as "missing-file".
        path: relative to the project; empty where it is no file.
        line: from 1; 0 for the file as a whole.
        message: the fact and the next step.
    """

    code: str
    path: str
    line: int
    message: str


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
    catalog = Catalog(source.checkout(answers.source, answers.version), answers.own_partials)
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
    for path, state in entry.files.items():
        if state == "missing":
            yield Finding(
                "missing-file",
                path,
                0,
                f"generated for {entry.item.name}, and gone: restore it, or "
                f"ltscaffold remove {entry.item.name}",
            )
    for stub in entry.stubs:
        yield Finding(
            "unfilled-stub",
            stub.path,
            stub.line,
            f"{stub.name} does what the base does: fill it in",
        )
    for path in entry.files:
        content = read(project, path)
        if content is not None and path.endswith(".py"):
            yield from check_code(path, content, entry.item, catalog)
        if content is not None and path.endswith(".yaml"):
            yield from check_config(project, path, content)


def check_code(path: str, content: bytes, item: Item, catalog: Catalog) -> Iterator[Finding]:
    """Yield a syntax error, and hooks that Lightning does not call, or not like this."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", 0) or 0
        yield Finding("syntax-error", path, line, f"no valid Python: {error.args[0]}")
        return
    kind = KINDS[item.kind]
    for place in former_hooks(path, content, {kind.class_name(item.name): item.kind}):
        yield Finding("former-hook", place.path, place.line, place.message)
    hooks = set(catalog.hook_names(kind))
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == kind.class_name(item.name):
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name in hooks:
                    parameters = catalog.hook(kind, method.name)["parameters"]
                    yield from check_signature(path, method, parameters)


def check_signature(path: str, method: ast.FunctionDef, parameters: list[str]) -> Iterator[Finding]:
    """Yield a finding if a hook cannot be called with the arguments that it is given."""
    expected = ["self", *(parameter.split(":")[0] for parameter in parameters)]
    taken = [argument.arg for argument in (*method.args.posonlyargs, *method.args.args)]
    required = len(taken) - len(method.args.defaults)
    fits = required <= len(expected) <= len(taken) or (
        method.args.vararg is not None and required <= len(expected)
    )
    if not fits:
        yield Finding(
            "hook-signature",
            path,
            method.lineno,
            f"{method.name}({', '.join(taken)}) is called with ({', '.join(expected)})",
        )


def check_config(project: Path, path: str, content: bytes) -> Iterator[Finding]:
    """Yield YAML that cannot be read, and a `_target_` in the project that is not there."""
    try:
        config = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 0
        yield Finding(
            "yaml-error", path, line, "no valid YAML: " + " ".join(str(error).split())[:120]
        )
        return
    for line, target in targets(content.decode(), config):
        module, _, name = target.rpartition(".")
        code = read(project, module.replace(".", "/") + ".py")
        if code is None and (project / module.split(".")[0]).is_dir():
            yield Finding("target", path, line, f"_target_ {target}: there is no module {module}")
        elif code is not None and name not in defined(code):
            yield Finding("target", path, line, f"_target_ {target}: {module} defines no {name}")


def targets(text: str, config: object) -> Iterator[tuple[int, str]]:
    """Yield each `_target_` in a config with its line."""
    if isinstance(config, dict):
        for key, value in config.items():
            if key == "_target_" and isinstance(value, str):
                lines = text.splitlines()
                numbers = [n for n, line in enumerate(lines, 1) if value in line]
                yield (numbers or [0])[0], value
            else:
                yield from targets(text, value)


def defined(code: bytes) -> set[str]:
    """Return the names that a module defines or imports; of broken code, none."""
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError):
        return set()
    names = {node.name for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    for node in body:
        if isinstance(node, ast.ImportFrom | ast.Import):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


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
    try:
        distribution(ABANDONED)
    except PackageNotFoundError:
        return
    yield Finding(
        "abandoned-package",
        "",
        0,
        f"{ABANDONED} is installed, whose import name is that of the runtime: "
        f"pip uninstall {ABANDONED}, then reinstall ltscaffold",
    )
