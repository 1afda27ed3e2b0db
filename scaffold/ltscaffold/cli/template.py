"""`ltscaffold template`: commands for authors of templates."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ltscaffold.cli import completion
from ltscaffold.cli.options import ComponentName, Json, Project, exit_if, plan_command, report

if TYPE_CHECKING:
    from ltscaffold.writing.plan import Plan

app = typer.Typer(help="Develop and override templates.", no_args_is_help=True)


@plan_command(app)
def eject(
    project: Path,
    name: Annotated[
        str,
        typer.Argument(
            metavar="FRAGMENT",
            help="Such as hooks/training_step or recipes/lora.",
            autocompletion=completion.fragments,
        ),
    ],
) -> "Plan":
    """Copy a template fragment into the project, which then overrides the original."""
    from ltscaffold.commands.templates.eject import plan_eject

    return plan_eject(project, name)


@app.command("test")
def template_test(
    templates: Annotated[
        Path, typer.Argument(metavar="[PATH]", help="Folder of the templates.", show_default="here")
    ] = Path(),
    run: Annotated[
        bool, typer.Option("--run/--no-run", help="Also run the generated tests.")
    ] = True,
    accept: Annotated[
        bool, typer.Option("--accept", help="Write the output to goldens/ as the expected one.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Render all that templates offer; lint it, compare it with goldens/, run its tests."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from ltscaffold.commands.templates.test import template_test

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        step = partial(progress.update, progress.add_task("starting"))
        findings = template_test(templates, run, accept, lambda name: step(description=name))
    report(findings, as_json)


@app.command()
def extract_patch(
    name: ComponentName,
    output: Annotated[
        Path | None, typer.Option("--output", help="File for the patch.", show_default="print it")
    ] = None,
    project: Project = Path(),
    as_json: Json = False,
) -> None:
    """Turn your edits of a component into a patch of its templates, for git apply."""
    from ltscaffold.cli.output import show_findings, show_json, show_patch
    from ltscaffold.commands.templates.extract_patch import extract_patch, write_patch

    extracted = extract_patch(project, name)
    if output is not None and extracted.patch:
        write_patch(output, extracted.patch)
    if as_json:
        show_json(vars(extracted))
    else:
        show_findings(extracted.findings, as_json)
        show_patch("" if output else extracted.patch)
    exit_if(extracted.findings)
