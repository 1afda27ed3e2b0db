"""Options that commands share, and the execution of a plan."""

import inspect
import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ltscaffold.cli import completion
from ltscaffold.errors import ScaffoldError

if TYPE_CHECKING:
    from ltscaffold.project.diagnostics import Finding
    from ltscaffold.writing.plan import Plan

Project = Annotated[
    Path, typer.Option("--project", "-C", help="Folder of the project.", show_default="here")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the changes; write nothing.")]
Diff = Annotated[bool, typer.Option("--diff", help="Print a patch for git apply; write nothing.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Hooks = Annotated[
    list[str] | None,
    typer.Option("--hook", help="Method to override; repeatable.", autocompletion=completion.hooks),
]
Recipes = Annotated[
    list[str] | None,
    typer.Option(
        "--recipe", help="Ready-made customization; repeatable.", autocompletion=completion.recipes
    ),
]
ComponentName = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="See ltscaffold list components.", autocompletion=completion.components
    ),
]
Package = Annotated[str | None, typer.Option(help="Components' folder.", show_default="tasks")]
Shell = Annotated[
    str | None,
    typer.Option(
        "--with",
        metavar="PART,...",
        help="Parts of the shell, or none: see ltscaffold list shell.",
        show_default="uv, readme, agents; ci in the root of a repository",
    ),
]
Adopt = Annotated[
    bool, typer.Option("--adopt", help="Keep files that exist as edited ones; updates merge.")
]
ProvenRun = Annotated[
    Path | None,
    typer.Option("--run", help="Run folder to repeat.", show_default="the newest of each"),
]
ProvenSteps = Annotated[
    int | None,
    typer.Option(min=1, help="Repeat the first steps only.", show_default="all; 20 without a run"),
]
ProofPage = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write the proof as a page.")
]
Listing = Literal["bases", "hooks", "recipes", "shell", "components"]
Strategy = Literal["semantic", "line"]
TypeName = Literal["task", "dataset", "callback"]

MakePlan = Callable[..., "Plan"]


def part_names(text: str | None) -> list[str] | None:
    """Return the parts of the shell that `--with` names; None: the default ones."""
    if text is None:
        return None
    return [] if text == "none" else [name.strip().replace("-", "_") for name in text.split(",")]


def plan_command(app: typer.Typer) -> Callable[[MakePlan], MakePlan]:
    """Return a decorator that registers a function `project, … -> Plan` as a command.

    The command executes the plan. It has the function's parameters as options, and --project,
    --dry-run, --diff and --json; if the function annotates `project` itself, that replaces
    --project.
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
    """Execute a plan, or only show it; exit with status 1 on conflicts.

    Args:
        project: the folder of the project.
        make_plan: returns the plan.
        dry_run: only show the changes.
        diff: only print a patch.
        as_json: print JSON instead of text.

    Returns:
        The plan, if it has no conflicts.

    Raises:
        ScaffoldError: if both `diff` and `as_json` are set.
    """
    from ltscaffold.cli.output import show_patch, show_plan
    from ltscaffold.writing.transaction import apply, preview

    if diff and as_json:
        raise ScaffoldError(
            "--diff and --json exclude each other; omit --diff, --json includes the patches"
        )
    dry_run = dry_run or diff
    plan = (preview if dry_run else apply)(project, make_plan)
    if plan.next_steps and project.resolve() != Path.cwd():
        enter = f"cd {shlex.quote(str(project))}"
        plan = replace(plan, next_steps=[enter, *plan.next_steps])
    if diff:
        show_patch(plan.diff())
    else:
        show_plan(plan, dry_run, as_json)
    exit_if(plan.conflicts)
    return plan


def report(findings: "Sequence[Finding]", as_json: bool) -> None:
    """Print findings, as text or JSON; exit with status 1 if there are any."""
    from ltscaffold.cli.output import show_findings

    show_findings(findings, as_json)
    exit_if(findings)


def exit_if(findings: object) -> None:
    """Raise typer.Exit with status 1 if `findings` is not empty."""
    if findings:
        raise typer.Exit(1)
