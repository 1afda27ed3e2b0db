"""`ltscaffold template eject`: override a template fragment in one project."""

from pathlib import Path

from ltscaffold.errors import ScaffoldError
from ltscaffold.git import in_repository
from ltscaffold.project.project_fragments import unknown_fragment
from ltscaffold.record.answers import PROJECT_FRAGMENTS, read_project
from ltscaffold.templating import source
from ltscaffold.templating.fragments import SUFFIX, fragment_names
from ltscaffold.writing.plan import Plan, check_not_taken, compute_changes


def plan_eject(project: Path, name: str) -> Plan:
    """Plan to copy a template fragment into the project, where it overrides the original.

    Args:
        project: the folder of the project.
        name: the template fragment, such as `hooks/training_step`.

    Raises:
        ScaffoldError: if the fragment is unknown, or the project overrides it already.
    """
    answers = read_project(project)
    templates = source.checkout(answers.source, answers.version)
    known = fragment_names(templates)
    if name not in known:
        raise unknown_fragment(name, known)
    path = f"{PROJECT_FRAGMENTS}/{name}{SUFFIX}"
    if (project / path).exists():
        raise ScaffoldError(f"the project already overrides '{name}'; edit {path}, or delete it")
    check_not_taken(project, [path])
    contents: dict[str, bytes | None] = {path: (templates / f"{name}{SUFFIX}").read_bytes()}
    steps = ["ltscaffold check", *([f"git add {path}"] if in_repository(project) else [])]
    return Plan(f"template eject {name}", compute_changes(project, contents), next_steps=steps)
