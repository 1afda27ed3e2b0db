"""Proofs: their progress, their report, and the application of a proven update."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ltscaffold.cli import completion
from ltscaffold.cli.options import Json, Project, ProofPage, ProvenRun, ProvenSteps, exit_if
from ltscaffold.errors import EditLossError, ScaffoldError

if TYPE_CHECKING:
    from ltscaffold.commands.prove.prove import ComponentProof, Proof, Prover
    from ltscaffold.writing.plan import Plan

COLORS = {"identical": "green", "different": "red", "unproven": "yellow"}


def prove_update(
    project: Path,
    make_plan: Callable[[], "Plan"],
    chosen: tuple[Path | None, int | None],
    decision: tuple[bool, bool],
    page: Path | None,
    as_json: bool,
) -> None:
    """Prove an update, report the proof, and apply the update if it is identical.

    Args:
        project: the folder of the project.
        make_plan: returns the plan of the update.
        chosen: the run folder to repeat, if not the newest ones, and the first steps to repeat.
        decision: whether to apply a plan that is not proven, and whether to apply any.
        page: the HTML file to write, if any.
        as_json: print one JSON object.

    Raises:
        typer.Exit: with status 1 if the update is not proven, nor accepted.
        EditLossError: if a file changed while the runs were repeated.
    """
    from ltscaffold.cli.output import show_plan
    from ltscaffold.commands.prove.prove import Prover
    from ltscaffold.record.answers import read_project
    from ltscaffold.writing.transaction import apply, preview

    folder, steps = chosen
    accept, write = decision
    plan = preview(project, make_plan)
    prover = Prover(project, say, steps, folder)
    with interruptible(prover):
        proof = prover.prove_plan(plan, read_project(project))
    is_applied = write and (proof.is_identical or accept)
    if is_applied:
        apply(project, partial(_unchanged, project, proof, plan, make_plan))
    show_proof(project, proof, page, as_json, is_applied)
    if is_applied and not as_json:
        show_plan(plan, dry_run=False, as_json=False)
    elif write and not (as_json or proof.is_identical):
        typer.echo("nothing was written; repeat the command with --accept to apply it anyway")
    exit_if(not (proof.is_identical or is_applied))


def prove(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Components; by default all.",
            autocompletion=completion.components,
        ),
    ] = None,
    packages: Annotated[
        list[str] | None,
        typer.Option("--with", help="Package to try, such as torch==2.14.*; repeatable."),
    ] = None,
    run: ProvenRun = None,
    steps: ProvenSteps = None,
    html: ProofPage = None,
    project: Project = Path(),
    as_json: Json = False,
) -> None:
    """Repeat runs with other packages, in a temporary environment, and compare bit for bit."""
    from ltscaffold.commands.prove.prove import Prover
    from ltscaffold.record.answers import read_project

    prover = Prover(project, say, steps, run)
    with interruptible(prover):
        proof = prover.prove_packages(packages or (), read_project(project), names or ())
    show_proof(project, proof, html, as_json, is_applied=False)
    exit_if(not proof.is_identical)


@contextmanager
def interruptible(prover: "Prover") -> Iterator[None]:
    """Let Ctrl-C print what is done and how to continue.

    Args:
        prover: proves the change.
    """
    try:
        yield
    except KeyboardInterrupt:
        from ltscaffold.cli.runs import counted

        number = counted(prover.ended, "repetition")
        say(f"interrupted after {number}; the same command continues with the next one")
        raise


def say(line: str) -> None:
    """Print a line of progress on standard error."""
    typer.secho(line, err=True, dim=True)


def check_options(
    is_proven: bool, of_proofs: Mapping[str, object], of_plans: Mapping[str, bool]
) -> None:
    """Check that options do not contradict each other.

    Args:
        is_proven: whether `--prove` is given.
        of_proofs: the options that need it, by name.
        of_plans: those that exclude it.

    Raises:
        ScaffoldError: if one contradicts.
    """
    for name, value in (of_plans if is_proven else of_proofs).items():
        if value and is_proven:
            raise ScaffoldError(f"{name} shows no proof; remove {name} or --prove")
        if value:
            raise ScaffoldError(f"{name} belongs to a proof; add --prove or remove {name}")


def _unchanged(
    project: Path, proof: "Proof", plan: "Plan", make_plan: Callable[[], "Plan"]
) -> "Plan":
    """Return the plan as made again.

    Raises:
        EditLossError: if it is no longer the proven one, or another file has changed.
    """
    from ltscaffold.commands.prove.workspace import digest_of_workspace

    again = make_plan()
    if again.changes != plan.changes or digest_of_workspace(project, {}) != proof.before:
        raise EditLossError(
            "the project or its templates changed while the runs were repeated; nothing was "
            "written, run it again",
            "",
        )
    return again


def show_proof(
    project: Path, proof: "Proof", page: Path | None, as_json: bool, is_applied: bool
) -> None:
    """Print a proof: a line per component, below it causes, origins and limits.

    Args:
        project: the folder of the project.
        proof: the proof.
        page: the HTML file to write as well, if any.
        as_json: print one JSON object.
        is_applied: whether the change was written.
    """
    from ltscaffold.cli.runs import counted

    if page:
        from ltscaffold.commands.prove.report import write_page

        write_page(project, proof, page)
    if as_json:
        from ltscaffold.cli.output import show_json

        show_json({"proof": proof, "applied": is_applied})
        return
    if not proof.components:
        typer.echo("no component is touched")
    for each in proof.components:
        typer.secho(f"{each.name}: {summary(each)}", fg=COLORS[each.verdict])
        if each.causes:
            runs = counted(each.repetitions, "run")
            typer.echo(f"  cause: {'; and '.join(each.causes)} (found with {runs})")
        for origin in each.origins:
            typer.echo(f"  from: {origin}")
        for limit in each.limits:
            typer.echo(f"  note: {limit}")


def summary(proof: "ComponentProof") -> str:
    """Return the proof of a component in one line."""
    tests = f"tests fail ({proof.tests})" if proof.tests else "tests pass"
    if proof.tests is None:
        tests = "not tested"
    run = proof.run or "a smoke run"
    if difference := proof.difference:
        return (
            f"{tests}; first differs at step {difference.step}: {difference.metric} "
            f"{difference.expected} before, {difference.found} after, in {run}"
        )
    if proof.verdict == "unproven":
        return f"{tests}; not proven"
    return f"{tests}; {proof.values} values bit-identical over {proof.steps} steps of {run}"
