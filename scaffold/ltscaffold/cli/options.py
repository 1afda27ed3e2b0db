"""What commands of the command line share: options, statuses, and how a plan is carried out."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ltscaffold.errors import ScaffoldError

if TYPE_CHECKING:
    from ltscaffold.writing.plan import Plan

FINDINGS = 1
"""Exit status where something is found, or a merge has left markers."""

Project = Annotated[
    Path, typer.Option("--project", "-C", help="Folder of the project.", show_default="here")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done; write nothing.")]
Diff = Annotated[bool, typer.Option("--diff", help="Print a patch for git apply; write nothing.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


class Listing(StrEnum):
    """What `ltscaffold list` lists."""

    bases = "bases"
    hooks = "hooks"
    recipes = "recipes"
    items = "items"


class Merging(StrEnum):
    """What the unit of a merge is, for options."""

    members = "members"
    text = "text"


class ItemKind(StrEnum):
    """The kinds of items, for options."""

    task = "task"
    dataset = "dataset"
    callback = "callback"


def execute(
    project: Path, make_plan: "Callable[[], Plan]", dry_run: bool, diff: bool, as_json: bool
) -> "Plan":
    """Carry out a plan, or show it alone; leave with the status that conflicts call for."""
    from ltscaffold.cli.output import Format, show_plan
    from ltscaffold.writing.transaction import apply, preview

    if diff and as_json:
        raise ScaffoldError("--diff and --json exclude each other: --json has the patches, too")
    dry_run = dry_run or diff
    plan = (preview if dry_run else apply)(project, make_plan)
    form = Format.diff if diff else Format.json if as_json else Format.text
    show_plan(plan, form, dry_run)
    if plan.conflicts:
        raise typer.Exit(FINDINGS)
    return plan
