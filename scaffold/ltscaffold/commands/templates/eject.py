"""`ltscaffold template eject`: let a project have a partial of its templates for its own."""

from pathlib import Path

from ltscaffold.errors import ScaffoldError, unknown
from ltscaffold.project.own_partials import partial_names
from ltscaffold.record.answers import OWN_PARTIALS, read_project
from ltscaffold.templating import source
from ltscaffold.templating.render import SUFFIX
from ltscaffold.writing.plan import Plan, changes_of, check_free


def plan_eject(project: Path, name: str) -> Plan:
    """Plan to copy a partial into the project, which renders with the copy from then on.

    Args:
        project: the folder of the project.
        name: the partial, such as `hooks/training_step`.

    Raises:
        ScaffoldError: if there is no such partial, or the project has it for its own already.
    """
    answers = read_project(project)
    templates = source.checkout(answers.source, answers.version)
    known = partial_names(templates)
    if name not in known:
        raise unknown("partial", name, known, "ltscaffold list hooks, or list recipes")
    path = f"{OWN_PARTIALS}/{name}{SUFFIX}"
    if (project / path).exists():
        raise ScaffoldError(f"{path} is the project's own already: edit it, or delete it")
    check_free(project, [path])
    contents: dict[str, bytes | None] = {path: (templates / f"{name}{SUFFIX}").read_bytes()}
    steps = ["ltscaffold check", f"git add {path}"]
    return Plan(f"template eject {name}", changes_of(project, contents), next_steps=steps)
