"""`ltscaffold new-project`: the skeleton of a project."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ltscaffold.errors import ScaffoldError
from ltscaffold.project.components import Adoption, plan_components
from ltscaffold.project.initial_answers import DEFAULT_PACKAGE, initial_answers
from ltscaffold.project.shell.parts import new_project_answers
from ltscaffold.record.answers import ANSWERS_FILE, read_answers
from ltscaffold.record.names import check_name
from ltscaffold.templating import source
from ltscaffold.writing.plan import Plan


def plan_new_project(
    project: Path,
    package: str = DEFAULT_PACKAGE,
    template: str = source.SOURCE_URL,
    shell: Sequence[str] | None = (),
    adopt: bool = False,
) -> Plan:
    """Plan the skeleton of a project.

    Args:
        project: a folder without a project; created if its parent exists.
        package: the folder of the components.
        template: the templates: a URL, or the folder of a git repository.
        shell: the parts of the shell; None: the default ones.
        adopt: keep files that exist as edited ones.

    Raises:
        ScaffoldError: if the folder has a project, a file of a part in `shell` exists and is not
            adopted, or the templates are not available.
    """
    check_name("package", package)
    project = project.absolute()
    if not project.parent.is_dir():
        raise ScaffoldError(f"the folder {project.parent} does not exist; create it first")
    if read_answers(project) is not None:
        raise ScaffoldError(
            f"{project} has a project already (see {ANSWERS_FILE}); choose another folder"
        )
    url = template
    if url != source.SOURCE_URL:
        url = source.resolve_source(template)
        source.trust(url)
    initial = initial_answers(package, url)
    answers, notes = new_project_answers(project, initial, shell, adopt)
    adoption: Adoption = "chosen" if adopt else "offered"
    plan = plan_components(f"new-project {project.name}", project, None, answers, adoption=adoption)
    only_here = f"others cannot read the templates in {url}; share a project with a URL instead"
    return replace(
        plan,
        notes=[
            *notes,
            *plan.notes,
            *([only_here] if Path(url).is_absolute() else []),
            *source.untagged_commit(url),
        ],
        next_steps=["ltscaffold new-task my_task --base language_modeling"],
    )
