"""`ltscaffold add-shell`: add parts of the shell, such as pyproject.toml or CI, to a project."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ltscaffold.errors import ScaffoldError
from ltscaffold.project.components import Adoption, plan_components
from ltscaffold.project.shell.installation import note_on_origin
from ltscaffold.project.shell.parts import with_parts
from ltscaffold.record.answers import read_project
from ltscaffold.writing.plan import Plan


def plan_add_shell(project: Path, names: Sequence[str], adopt: bool = False) -> Plan:
    """Plan to add parts of the shell, and the parts that they need.

    Args:
        project: the folder of the project.
        names: the parts.
        adopt: keep files that exist as edited ones.

    Raises:
        ScaffoldError: if a part does not exist, all are there already, or a file exists and is not
            adopted.
    """
    answers = read_project(project)
    new = with_parts(project, answers, names)
    if new == answers:
        raise ScaffoldError(
            f"the project has {', '.join(names)} already; see `ltscaffold list shell`"
        )
    command = " ".join(["add-shell", *names])
    adoption: Adoption = "chosen" if adopt else "offered"
    plan = plan_components(command, project, answers, new, adoption=adoption)
    return replace(plan, notes=[*plan.notes, *note_on_origin(new)])
