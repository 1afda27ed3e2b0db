"""`ltscaffold template`: for those who change what projects are rendered from."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ltscaffold import completion
from ltscaffold.options import Diff, DryRun, Json, Project, execute

app = typer.Typer(help="Change what is rendered from.", no_args_is_help=True)


@app.command()
def eject(
    name: Annotated[
        str,
        typer.Argument(
            metavar="PARTIAL",
            help="Such as hooks/training_step or recipes/lora.",
            autocompletion=completion.partials,
        ),
    ],
    project: Project = Path(),
    dry_run: DryRun = False,
    diff: Diff = False,
    as_json: Json = False,
) -> None:
    """Copy a partial of the templates into the project, which then renders with the copy."""
    from ltscaffold.commands.template_eject import plan_eject

    execute(project, partial(plan_eject, project, name), dry_run, diff, as_json)
