"""The commands of `ltscaffold`; each imports its modules when it runs, so --help stays fast."""

import gc
import io
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ltscaffold.cli import completion, prove, template
from ltscaffold.cli.options import (
    Adopt,
    ComponentName,
    Diff,
    DryRun,
    Hooks,
    Json,
    Listing,
    Package,
    Project,
    ProofPage,
    ProvenRun,
    ProvenSteps,
    Recipes,
    Shell,
    Strategy,
    TypeName,
    execute,
    exit_if,
    part_names,
    plan_command,
    report,
)
from ltscaffold.errors import ScaffoldError

if TYPE_CHECKING:
    from ltscaffold.writing.plan import Plan

FORMER_SPELLINGS = {
    **{"merge": "strategy", "members": "semantic", "text": "line"},
    **{"run": "smoke", "kind": "type", "items": "components"},
}
"""Renamed options and choices: the former spellings work, unlisted."""

app = typer.Typer(
    help="Generate custom fine-tuning tasks for Lightning and Transformers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "token_normalize_func": lambda word: FORMER_SPELLINGS.get(word, word),
    },
)
app.add_typer(template.app, name="template")
app.command("harvest", hidden=True)(template.extract_patch)

INTERRUPTED = 130


def main() -> None:
    """Run the command line; print an error as one line.

    Raises:
        SystemExit: with the exit status of an error; 130 if interrupted, 143 after SIGTERM, 129 if
            the terminal closes.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not closed; a path may be in no encoding
            stream.reconfigure(errors="backslashreplace")
    # A command creates no garbage to speak of; on 1,000 components, collection takes a fifth.
    gc.disable()
    # An exception ends child processes and rolls changes back; the default action does neither.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # by nohup
            signal.signal(number, lambda received, _: sys.exit(128 + received))
    try:
        if {"--install-completion", "--show-completion"} & {*sys.argv}:
            from ltscaffold.cli.static_completion import use_static_scripts

            use_static_scripts(app)
        app()
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        raise SystemExit(INTERRUPTED) from None
    except ScaffoldError as error:
        from ltscaffold.cli.output import show_error

        show_error(error, as_json="--json" in sys.argv)
        raise SystemExit(error.exit_status) from None


@app.callback(invoke_without_command=True)
def options(
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)
    ] = False,
) -> None:
    """Handle the options before a command; raises Exit after --version."""
    if show_version:
        from lightning_transformers.version import VERSION

        typer.echo(f"ltscaffold {VERSION}")
        raise typer.Exit


@plan_command(app)
def new_project(
    project: Annotated[
        Path, typer.Argument(metavar="path", help="Folder of the project; created if missing.")
    ],
    package: Annotated[str, typer.Option(help="Folder of the components.")] = "tasks",
    template: Annotated[
        str | None,
        typer.Option(
            help="Your own templates: gh:owner/name, a git URL, or the folder of a repository.",
            show_default="those of ltscaffold",
        ),
    ] = None,
    shell: Shell = None,
    adopt: Adopt = False,
) -> "Plan":
    """Create a project: train.py, predict.py, conf/config.yaml and other entry points."""
    from ltscaffold.commands.create.new_project import plan_new_project
    from ltscaffold.templating.source import SOURCE_URL

    url = SOURCE_URL if template is None else template
    return plan_new_project(project, package, url, part_names(shell), adopt)


@app.command()
def new_task(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Name of the task, in snake_case.")
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            help="Base task: see ltscaffold list bases, or a task of the project.",
            autocompletion=completion.bases,
        ),
    ] = None,
    hook: Hooks = None,
    recipe: Recipes = None,
    package: Package = None,
    shell: Shell = None,
    adopt: Adopt = False,
    project: Project = Path(),
    dry_run: DryRun = False,
    diff: Diff = False,
    as_json: Json = False,
) -> None:
    """Create a task: class, config and test. In a terminal, prompt for missing arguments."""
    from ltscaffold.commands.create.new_component import NewComponent, plan_new_component
    from ltscaffold.record.component_types import TASK

    recipes = recipe or []
    if name is None or base is None:
        check_interactive(as_json)
        from ltscaffold.cli.prompts import ask_task

        name, base, chosen = ask_task(project, name, base)
        recipes = [*recipes, *chosen]
    new = NewComponent(TASK, name, base, hook or (), recipes)
    make_plan = partial(plan_new_component, project, new, package, part_names(shell), adopt)
    execute(project, make_plan, dry_run, diff, as_json)


@plan_command(app)
def new_dataset(
    project: Path,
    name: Annotated[str, typer.Argument(help="Name of the dataset, in snake_case.")],
    base: Annotated[
        str,
        typer.Option(
            help="Task that it is for: see ltscaffold list bases.",
            autocompletion=completion.templated_bases,
        ),
    ],
    hook: Hooks = None,
    package: Package = None,
    shell: Shell = None,
    adopt: Adopt = False,
) -> "Plan":
    """Create a dataset: data module, config and test."""
    from ltscaffold.commands.create.new_component import NewComponent, plan_new_component
    from ltscaffold.record.component_types import DATASET

    new = NewComponent(DATASET, name, base, hook or ())
    return plan_new_component(project, new, package, part_names(shell), adopt)


@plan_command(app)
def new_callback(
    project: Path,
    name: Annotated[str, typer.Argument(help="Name of the callback, in snake_case.")],
    hook: Hooks = None,
    package: Package = None,
    shell: Shell = None,
    adopt: Adopt = False,
) -> "Plan":
    """Create a callback: class, config and test."""
    from ltscaffold.commands.create.new_component import NewComponent, plan_new_component
    from ltscaffold.record.component_types import CALLBACK, CALLBACK_BASE

    new = NewComponent(CALLBACK, name, CALLBACK_BASE, hook or ())
    return plan_new_component(project, new, package, part_names(shell), adopt)


@plan_command(app)
def add(project: Path, name: ComponentName, hook: Hooks = None, recipe: Recipes = None) -> "Plan":
    """Add hooks and recipes to a component; your edits are merged."""
    from ltscaffold.commands.edit.add import plan_add

    return plan_add(project, name, hook or (), recipe or ())


@plan_command(app)
def add_shell(
    project: Path,
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="PART...",
            help="See ltscaffold list shell.",
            autocompletion=completion.shell,
        ),
    ],
    adopt: Adopt = False,
) -> "Plan":
    """Add parts of the shell around the code: pyproject.toml, README, CI and others."""
    from ltscaffold.commands.edit.add_shell import plan_add_shell

    return plan_add_shell(project, part_names(",".join(names)) or (), adopt)


@plan_command(app)
def remove(
    project: Path,
    name: ComponentName,
    force: Annotated[
        bool, typer.Option("--force", help="Also delete edited files; undo restores them.")
    ] = False,
) -> "Plan":
    """Delete a component; refuse if you edited its files."""
    from ltscaffold.commands.edit.remove import plan_remove

    return plan_remove(project, name, force)


@plan_command(app)
def rename(
    project: Path,
    name: ComponentName,
    new_name: Annotated[str, typer.Argument(help="New name, in snake_case.")],
) -> "Plan":
    """Rename a component: module, class, config, test and references in the project's configs."""
    from ltscaffold.commands.edit.rename import plan_rename

    return plan_rename(project, name, new_name)


@app.command()
def update(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Components; by default all, and the skeleton.",
            autocompletion=completion.components,
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(metavar="VERSION", help="Version of the templates; by default the latest."),
    ] = None,
    strategy: Annotated[
        Strategy, typer.Option(help="By class member and YAML key, or by line as Copier merges.")
    ] = "semantic",
    check_only: Annotated[
        bool, typer.Option("--check", help="Exit with 1 if an update is available; write nothing.")
    ] = False,
    is_proven: Annotated[
        bool, typer.Option("--prove", help="Apply only if runs are bit-identical before and after.")
    ] = False,
    run: ProvenRun = None,
    steps: ProvenSteps = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="With --prove: apply also if they differ.")
    ] = False,
    html: ProofPage = None,
    project: Project = Path(),
    dry_run: DryRun = False,
    diff: Diff = False,
    as_json: Json = False,
) -> None:
    """Update the project to the latest templates; your edits are merged."""
    from ltscaffold.commands.update.update import plan_update

    make_plan = partial(plan_update, project, names or (), to, strategy)
    of_proofs = {"--run": run, "--steps": steps, "--accept": accept, "--html": html}
    prove.check_options(is_proven, of_proofs, {"--diff": diff, "--check": check_only})
    if is_proven:
        chosen, decision = (run, steps), (accept, not dry_run)
        prove.prove_update(project, make_plan, chosen, decision, html, as_json)
        return
    plan = execute(project, make_plan, dry_run or check_only, diff, as_json)
    exit_if(check_only and plan.changes)


app.command()(prove.prove)


@plan_command(app)
def undo(project: Path) -> "Plan":
    """Undo the last command; repeat to go further back."""
    from ltscaffold.commands.edit.undo import plan_undo

    return plan_undo(project)


@app.command()
def status(project: Project = Path(), as_json: Json = False) -> None:
    """Show all components, with edited files and unimplemented stubs."""
    from ltscaffold.cli.output import show_status
    from ltscaffold.project.status import status
    from ltscaffold.writing.transaction import finish_interrupted

    finish_interrupted(project)
    show_status(status(project), as_json)


@app.command()
def check(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="Component; by default all.",
            autocompletion=completion.components,
        ),
    ] = None,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Also train one batch of each on the tiny backbone.")
    ] = False,
    project: Project = Path(),
    as_json: Json = False,
) -> None:
    """Check files, names, targets and signatures, and find unimplemented stubs."""
    from ltscaffold.commands.inspect.check import check
    from ltscaffold.writing.transaction import finish_interrupted

    finish_interrupted(project)
    report(check(project, name, smoke), as_json)


@app.command()
def explain(name: ComponentName, project: Project = Path(), as_json: Json = False) -> None:
    """Show the composed config of a component: each key, its value and its file."""
    from ltscaffold.cli.output import show_rows
    from ltscaffold.commands.inspect.explain import explain

    show_rows(explain(project, name), as_json, "keys")


@app.command()
def runs(
    folder: Annotated[Path, typer.Argument(help="Folder that contains the runs.")] = Path(
        "outputs"
    ),
    status: Annotated[
        list[str] | None, typer.Option(help="Only runs of this status; repeatable.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Only runs with this setting or value; repeatable."),
    ] = None,
    sort: Annotated[
        str, typer.Option(metavar="[-]KEY", help="date, status, size, score, a metric, a setting.")
    ] = "date",
    best: Annotated[bool, typer.Option("--best", help="Only the run with the best score.")] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Delete the listed runs.")] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete checkpoints of the listed runs but the best.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
    as_json: Json = False,
) -> None:
    """List runs: status, best score, overrides that differ, size; delete runs or checkpoints."""
    from ltscaffold.cli.runs import confirm, counted, in_bytes, show_runs
    from ltscaffold.commands.runs import disk
    from ltscaffold.commands.runs.table import find_runs, select, size_of

    found, problems = find_runs(folder)
    for problem in problems:
        typer.echo(f"warning: {problem}", err=True)
    chosen = select(found, status or (), where or (), sort, best)
    show_runs(chosen, as_json)
    if not (delete or prune):
        return
    disk.check_ended(chosen)
    paths = [run.folder for run in chosen] if delete else disk.prunable(chosen)
    amount = (
        f"{counted(len(paths), 'run' if delete else 'checkpoint')}, {in_bytes(size_of(*paths))}"
    )
    if paths and (yes or confirm(amount, as_json)):
        disk.check_ended(chosen)  # the answer may have taken hours
        disk.delete(paths)
        typer.echo(f"deleted {amount}", err=as_json)
    elif not paths:
        typer.echo("nothing to delete", err=as_json)


@app.command()
def trust(
    template: Annotated[
        str, typer.Argument(help="Source of the templates: a git URL or a folder.")
    ],
) -> None:
    """Trust the templates of a repository on this machine, and fetch their latest versions."""
    from ltscaffold.templating import source

    url = source.resolve_source(template)
    source.trust(url)
    typer.echo(f"trusted {url}: {', '.join(source.versions(url))}")
    for note in source.untagged_commit(url):
        typer.echo(f"note: {note}")


@app.command("list")
def list_(
    what: Annotated[Listing, typer.Argument(help="What to list.")],
    base: Annotated[
        str | None, typer.Option(help="Base of the hooks: a task of the runtime or of the project.")
    ] = None,
    type_name: Annotated[
        TypeName, typer.Option("--type", help="Component type whose hooks to list.")
    ] = "task",
    project: Project = Path(),
    as_json: Json = False,
) -> None:
    """List available bases, hooks, recipes and parts of the shell, or the components."""
    from ltscaffold.cli.output import show_rows
    from ltscaffold.commands.inspect.listing import hook_rows, rows

    listed = hook_rows(project, type_name, base) if what == "hooks" else rows(project, what)
    show_rows(listed, as_json, "items" if what == "components" else what)


@app.command()
def schema(
    command: Annotated[
        list[str],
        typer.Argument(metavar="COMMAND...", help="Such as status, template eject, or error."),
    ],
) -> None:
    """Print the JSON schema of what a command prints with --json, or of an error."""
    import json

    from ltscaffold.cli.schema import output_schema

    typer.echo(json.dumps(output_schema(" ".join(command)), indent=2))


@app.command()
def mcp(project: Project = Path()) -> None:
    """Serve the commands to an agent, on standard input and output."""
    from importlib.util import find_spec

    if find_spec("mcp") is None:
        raise ScaffoldError("cannot serve: mcp is not installed; pip install 'ltscaffold[mcp]'")
    from ltscaffold.cli.mcp_server import serve

    program = typer.main.get_command(app)
    assert isinstance(program, typer.core.TyperGroup)
    serve(program, project)


def check_interactive(as_json: bool) -> None:
    """Check that `new-task` can prompt for its name and base.

    Args:
        as_json: whether it prints JSON, which excludes prompts.

    Raises:
        ScaffoldError: with an example command, if it cannot.
    """
    streams = (sys.stdin, sys.stdout)  # None if closed
    if as_json or not all(stream and stream.isatty() for stream in streams):
        raise ScaffoldError(
            "new-task needs a name and a base; for example "
            "ltscaffold new-task my_task --base language_modeling (see ltscaffold list bases)"
        )
