"""Output as text, as a patch and as JSON.

`docs/reference/json.md` describes the JSON; its `schema` changes only if a program that reads it
must change.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, cast

import typer

from ltscaffold.errors import EditLossError, ScaffoldError
from ltscaffold.record.answers import PROJECT_FRAGMENTS, to_record
from ltscaffold.templating.fragments import SUFFIX
from ltscaffold.writing.plan import Plan

if TYPE_CHECKING:
    from ltscaffold.cli.json_types import ErrorDetails, Item, PlanOutput, ProjectStatus
    from ltscaffold.project.diagnostics import Finding
    from ltscaffold.project.status import Status

SCHEMA = 2
NAMES = ("key", "name")
WIDE, WIDE_COLUMNS = 160, ("signature", "when")
"""Columns that a terminal of fewer characters leaves out, so that the others fit."""
SIGNS = {"create": ("+", "green"), "change": ("~", "yellow"), "delete": ("-", "red")}


def show_plan(plan: Plan, dry_run: bool, as_json: bool) -> None:
    """Print the changes, notes, next steps, reviews and conflicts of a plan.

    Args:
        plan: the plan.
        dry_run: whether the plan is not applied; the text then omits the next steps.
        as_json: print one JSON object, which includes the diffs.
    """
    if as_json:
        show_json(_plan_object(plan, dry_run))
        return
    for change in plan.changes:
        sign, color = SIGNS[change.action]
        typer.secho(f"  {sign} {change.path}", fg=color)
    if not plan.changes:
        typer.echo("nothing to change")
    for note in plan.notes:
        typer.echo(f"note: {note}")
    if plan.next_steps and not dry_run:
        typer.echo("\nNext:")
        for command in plan.next_steps:
            typer.echo(f"  {command}")
    for location in plan.reviews:
        typer.secho(f"REVIEW {location.path}:{location.line} {location.message}", fg="yellow")
    for location in plan.conflicts:
        typer.secho(f"CONFLICT {location.path}:{location.line} {location.message}", fg="red")


def show_error(error: ScaffoldError, as_json: bool) -> None:
    """Print an error: the patch of the edits that would be lost, if any, and one line on stderr.

    Args:
        error: the error.
        as_json: print one JSON object on stdout instead.
    """
    edits = error.diff if isinstance(error, EditLossError) else ""
    if as_json:
        details: ErrorDetails = {"message": str(error), "exit_status": error.exit_status}
        if edits:
            details["diff"] = edits
        show_json({"error": details})
    else:
        show_patch(edits)
        typer.echo(f"error: {error}", err=True)


def show_patch(text: str) -> None:
    """Print a patch byte for byte, independent of the terminal's encoding."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.flush()


def show_json(content: Mapping[str, object]) -> None:
    """Print an object, which may contain dataclasses, with the schema version.

    Bytes that are not UTF-8, held as surrogates, become U+FFFD; a number that JSON lacks (NaN,
    infinity) becomes null.
    """
    text = json.dumps({"schema": SCHEMA, **content}, ensure_ascii=False, default=asdict)
    valid = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    typer.echo(json.dumps(json.loads(valid, parse_constant=lambda _: None), indent=2))


def show_status(status: "Status", as_json: bool) -> None:
    """Print the state of a project, as text or as one JSON object.

    The text has the version of the templates, the template fragments that the project overrides,
    and for each component a line per file and per unimplemented stub.
    """
    if as_json:
        show_json({"status": _project_status(status)})
        return
    newer = "" if status.newest == status.version else f" (latest: {status.newest})"
    typer.echo(f"templates {status.version}{newer}")
    for name in status.ejected:
        typer.echo(f"  override   {PROJECT_FRAGMENTS}/{name}{SUFFIX}")
    for entry in status.components:
        typer.secho(f"\n{entry.component.name}", bold=True, nl=False)
        typer.echo(f"  {entry.component.type} on {entry.component.base}")
        for path, state in entry.files.items():
            typer.echo(f"  {state:9}  {path}")
        for stub in entry.stubs:
            typer.secho(f"  not implemented: {stub.path}:{stub.line} {stub.name}", fg="yellow")


def show_findings(findings: "Sequence[Finding]", as_json: bool) -> None:
    """Print a line per finding, `path:line: message [code]`, or one JSON object."""
    if as_json:
        show_json({"findings": findings})
        return
    for finding in findings:
        line = f":{finding.line}" if finding.line else ""
        prefix = f"{finding.path}{line}: " if finding.path else ""
        typer.echo(f"{prefix}{finding.message} [{finding.code}]")


def show_rows(rows: Sequence[Mapping[str, object]], as_json: bool, name: str) -> None:
    """Print rows of named columns as a table, in a pipe tab-separated, or as JSON.

    Args:
        rows: the columns by name; `key` and `name` are printed bold and whole, `value` as JSON.
        as_json: print JSON.
        name: the key of the rows in the JSON.
    """
    if as_json:
        show_json({name: rows})
        return
    if not sys.stdout.isatty():
        for row in rows:
            typer.echo("\t".join(_cells(row).values()))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console, table = Console(), Table(box=None, show_header=False, pad_edge=False)
    hidden = WIDE_COLUMNS if console.width < WIDE else ()
    columns = [key for key in (rows[0] if rows else ()) if key not in hidden]
    for key in columns:
        table.add_column(no_wrap=key in NAMES, overflow="fold")
    for row in rows:
        cells = _cells(row)
        table.add_row(*(Text(cells[key], "bold" * (key in NAMES)) for key in columns))
    console.print(table)


def _cells(row: Mapping[str, object]) -> dict[str, str]:
    return {key: json.dumps(cell) if key == "value" else str(cell) for key, cell in row.items()}


def _plan_object(plan: Plan, dry_run: bool) -> "PlanOutput":
    return {
        "command": plan.command,
        "dry_run": dry_run,
        "changes": [
            {"path": change.path, "action": change.action, "diff": change.diff()}
            for change in plan.changes
        ],
        "conflicts": plan.conflicts,
        "reviews": plan.reviews,
        "notes": plan.notes,
        "next": plan.next_steps,
    }


def _project_status(status: "Status") -> "ProjectStatus":
    return {
        "version": status.version,
        "newest": status.newest,
        "ejected": status.ejected,
        "items": [
            {
                "item": cast("Item", to_record(entry.component)),
                "files": entry.files,
                "stubs": entry.stubs,
            }
            for entry in status.components
        ],
    }
