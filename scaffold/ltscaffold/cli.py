"""The command line. Each command imports what it needs, so that --help stays fast."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ltscaffold.errors import ScaffoldError

app = typer.Typer(
    help="Generate custom fine-tuning tasks for Lightning and Transformers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Project = Annotated[
    Path, typer.Option("--project", "-C", help="Folder of the project.", show_default="here")
]


class Kind(StrEnum):
    """What `ltscaffold list` lists."""

    bases = "bases"
    hooks = "hooks"
    recipes = "recipes"


def main() -> None:
    """Run the command line; a mistake of the user ends in one line and its exit status."""
    try:
        app()
    except ScaffoldError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(error.exit_status) from None


@app.callback(invoke_without_command=True)
def options(
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)
    ] = False,
) -> None:
    """Options that stand before a command."""
    if show_version:
        from importlib.metadata import version

        typer.echo(f"ltscaffold {version('ltscaffold')}")
        raise typer.Exit


@app.command()
def new_project(
    path: Annotated[Path, typer.Argument(help="Folder of the project; created if need be.")],
    package: Annotated[str, typer.Option(help="Folder of the tasks.")] = "tasks",
) -> None:
    """Write the skeleton of a project: train.py, predict.py, conf/config.yaml."""
    from ltscaffold.commands.new_project import new_project

    files = new_project(path, package)
    _print_files(files)
    _print_next([f"cd {path}", "ltscaffold new-task my_task --base language_modeling"])


@app.command()
def new_task(
    name: Annotated[str, typer.Argument(help="Name of the task, in snake_case.")],
    base: Annotated[str, typer.Option(help="Task to build on: ltscaffold list bases.")],
    hook: Annotated[
        list[str] | None, typer.Option(help="Method to override; repeat it for more.")
    ] = None,
    recipe: Annotated[
        list[str] | None, typer.Option(help="Ready-made customisation; repeat it for more.")
    ] = None,
    package: Annotated[
        str | None, typer.Option(help="Folder of the tasks.", show_default="tasks")
    ] = None,
    project: Project = Path(),
) -> None:
    """Write a task: its class, its config and its test."""
    from ltscaffold.commands.new_task import new_task

    task = new_task(project, name, base, hook or (), recipe or (), package)
    _print_files(task.files)
    train = f"python train.py +task={task.item.group}/{name} experiment=smoke"
    commit = f'git add -A && git commit -m "Add {name}"'
    if not any((folder / ".git").exists() for folder in (project.resolve() / "x").parents):
        commit = f"git init && {commit}"
    enter = [] if project.samefile(Path()) else [f"cd {project}"]
    _print_next([*enter, train, "pytest", commit, "copier update"])


@app.command("list")
def list_(
    what: Annotated[Kind, typer.Argument(help="What to list.")], project: Project = Path()
) -> None:
    """List the bases, hooks or recipes that new-task takes."""
    from rich.console import Console
    from rich.table import Table

    from ltscaffold.commands.listing import catalog_of, summaries

    table = Table(box=None, show_header=False, pad_edge=False)
    for phase, name, summary in sorted(summaries(catalog_of(project), what.removesuffix("s"))):
        table.add_row(*([phase] if phase else []), f"[bold]{name}[/]", summary)
    # In a pipe a line has to stay whole, for grep.
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _print_files(files: list[str]) -> None:
    for file in files:
        typer.secho(f"  + {file}", fg=typer.colors.GREEN)


def _print_next(commands: list[str]) -> None:
    typer.echo("\nNext:")
    for command in commands:
        typer.echo(f"  {command}")


if __name__ == "__main__":
    main()
