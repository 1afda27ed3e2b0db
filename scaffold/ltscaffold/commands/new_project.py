"""`ltscaffold new-project`: the files that a project has once."""

import shlex
from dataclasses import replace
from pathlib import Path

from ltscaffold import source
from ltscaffold.answers import ANSWERS_FILE, Answers, read_answers
from ltscaffold.errors import ScaffoldError
from ltscaffold.items import KEPT
from ltscaffold.names import check_name
from ltscaffold.plan import Plan, changes_of, check_free
from ltscaffold.render import Files, render

PACKAGE = "tasks"


def plan_new_project(
    project: Path, package: str = PACKAGE, template: str = source.SOURCE_URL
) -> Plan:
    """Plan the skeleton of a project.

    Args:
        project: a folder without a project of ours; it is created if its parent exists.
        package: name of the folder of the tasks.
        template: an organisation's own templates: a URL or a folder of a git repository.

    Raises:
        ScaffoldError: if the folder holds a project or files of the skeleton already, or the
            templates cannot be had.
    """
    check_name("package", package)
    project = project.absolute()
    if not project.parent.is_dir():
        raise ScaffoldError(f"there is no folder {project.parent}: create it first")
    if read_answers(project) is not None:
        raise ScaffoldError(f"{project} holds a project already: see {ANSWERS_FILE}")
    url = template if template == source.SOURCE_URL else source.address(template)
    source.refresh(url)
    plan = skeleton_plan(f"new-project {project.name}", project, first_answers(package, url))
    only_here = (
        f"others cannot read the templates in {url}: give a URL for a project that is shared"
    )
    return replace(
        plan,
        notes=[only_here] if Path(url).is_absolute() else [],
        next_steps=[
            f"cd {shlex.quote(str(project))}",
            "ltscaffold new-task my_task --base language_modeling",
        ],
    )


def skeleton_plan(command: str, project: Path, answers: Answers) -> Plan:
    """Plan all files that the answers describe, in a folder without a project."""
    files = without_kept(project, render(source.checkout(answers.source, answers.version), answers))
    check_free(project, files)
    return Plan(command, changes_of(project, {path: text.encode() for path, text in files.items()}))


def first_answers(package: str, url: str = source.SOURCE_URL) -> Answers:
    """Return the answers of a new project: the newest templates of a URL, no items."""
    return Answers(version=source.versions(url)[-1], source=url, package=package)


def without_kept(project: Path, files: Files) -> Files:
    """Return the files without those of `KEPT` that the project has already."""
    return {
        path: text
        for path, text in files.items()
        if path not in KEPT or not (project / path).exists()
    }
