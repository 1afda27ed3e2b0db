"""`ltscaffold update`: bring a project to newer templates, with every edit kept."""

from dataclasses import replace
from pathlib import Path

from ltscaffold import source
from ltscaffold.answers import read_project
from ltscaffold.errors import ScaffoldError
from ltscaffold.items import item_plan
from ltscaffold.plan import Plan


def plan_update(project: Path) -> Plan:
    """Plan to render a project with the newest templates; it needs no git, nor a clean tree.

    It merges as `copier update` does. At the newest version there is nothing to change.

    Raises:
        ScaffoldError: if the project's templates are not those of the package.
    """
    answers = read_project(project)
    if answers.source != source.SOURCE_URL:
        raise ScaffoldError(
            f"this project comes from the templates {answers.source}: use copier update"
        )
    newest = source.versions(answers.source)[-1]
    items = [replace(item, v=newest) for item in answers.items]
    new = replace(answers, version=newest, items=items)
    return item_plan(f"update to {newest}", project, answers, new)
