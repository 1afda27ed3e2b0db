"""Options that commands share, and how a plan is carried out."""

import inspect
from collections.abc import Callable, Sequence
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ltscaffold.cli import completion
from ltscaffold.errors import ScaffoldError

if TYPE_CHECKING:
    from ltscaffold.project.diagnostics import Finding
    from ltscaffold.writing.plan import Plan

FINDINGS = 1
"""Exit status where something is found, or a merge has left markers."""

Project = Annotated[
    Path, typer.Option("--project", "-C", help="Folder of the project.", show_default="here")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done; write nothing.")]
Diff = Annotated[bool, typer.Option("--diff", help="Print a patch for git apply; write nothing.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Hooks = Annotated[
    list[str] | None,
    typer.Option(
        "--hook", help="Method to override; repeat it for more.", autocompletion=completion.hooks
    ),
]
Recipes = Annotated[
    list[str] | None,
    typer.Option(
        "--recipe",
        help="Ready-made customisation; repeat it for more.",
        autocompletion=completion.recipes,
    ),
]
ComponentName = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="Component: ltscaffold list components.",
        autocompletion=completion.components,
    ),
]
Package = Annotated[str | None, typer.Option(help="Folder of the tasks.", show_default="tasks")]
Listing = Literal["bases", "hooks", "recipes", "components"]
Strategy = Literal["semantic", "line"]
TypeName = Literal["task", "dataset", "callback"]

MakePlan = Callable[..., "Plan"]


def plan_command(app: typer.Typer) -> Callable[[MakePlan], MakePlan]:
    """Register a function of a project that returns a plan as a command that carries it out.

    The command has the options of the function, and --project, --dry-run, --diff and --json; an
    annotated `project` of the function stands for --project.
    """

    def register(command: MakePlan) -> MakePlan:
        @wraps(command, assigned=("__name__", "__doc__"))
        def run(
            *,
            project: Project = Path(),
            dry_run: DryRun = False,
            diff: Diff = False,
            as_json: Json = False,
            **options: object,
        ) -> None:
            execute(project, partial(command, project, **options), dry_run, diff, as_json)

        parameters = inspect.signature(command).parameters
        *shared, _ = inspect.signature(run, follow_wrapped=False).parameters.values()
        first = [option for option in parameters.values() if option.annotation is not Path]
        last = [option for option in shared if option.name not in {each.name for each in first}]
        vars(run)["__signature__"] = inspect.Signature([*first, *last])
        app.command()(run)
        return command

    return register


def execute(project: Path, make_plan: MakePlan, dry_run: bool, diff: bool, as_json: bool) -> "Plan":
    """Carry out a plan, or show it alone; leave with the status that conflicts call for."""
    from ltscaffold.cli.output import show_patch, show_plan
    from ltscaffold.writing.transaction import apply, preview

    if diff and as_json:
        raise ScaffoldError("--diff and --json exclude each other: --json has the patches, too")
    dry_run = dry_run or diff
    plan = (preview if dry_run else apply)(project, make_plan)
    if diff:
        show_patch(plan.diff())
    else:
        show_plan(plan, dry_run, as_json)
    if plan.conflicts:
        raise typer.Exit(FINDINGS)
    return plan


def report(findings: "Sequence[Finding]", as_json: bool) -> None:
    """Print findings; leave with the status that they call for."""
    from ltscaffold.cli.output import show_findings

    show_findings(findings, as_json)
    if findings:
        raise typer.Exit(FINDINGS)
