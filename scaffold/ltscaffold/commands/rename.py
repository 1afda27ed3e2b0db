"""`ltscaffold rename`: give an item another name, in its files and wherever the config names it."""

import re
from dataclasses import replace
from pathlib import Path

from ltscaffold import source
from ltscaffold.answers import Answers, Item, read_project
from ltscaffold.catalog import Catalog
from ltscaffold.commands.new_item import check_new_name
from ltscaffold.items import item_files, item_plan
from ltscaffold.kinds import KINDS
from ltscaffold.plan import Plan, changes_of, read


def plan_rename(project: Path, name: str, new_name: str) -> Plan:
    """Plan to rename an item: its module, class, config and test, with the edits in them.

    The project's other configs follow; other Python files that name it are listed in the notes.

    Args:
        project: the folder of the project.
        name: the item.
        new_name: what it is to be called.

    Raises:
        ScaffoldError: if there is no such item, or the name cannot be had.
    """
    answers = read_project(project)
    item = answers.item(name)
    check_new_name(Catalog(source.checkout(answers.version)), answers, KINDS[item.kind], new_name)
    renamed = replace(item, name=new_name)
    new = renamed_answers(answers, item, renamed)
    moves = dict(zip(item_files(answers, item), item_files(new, renamed), strict=True))
    plan = item_plan(f"rename {name} {new_name}", project, answers, new, moves)
    return with_references(project, plan, references(answers, item, renamed))


def renamed_answers(answers: Answers, item: Item, renamed: Item) -> Answers:
    """Return answers in which an item has another name, as a base of others, too."""
    for other in answers.items:
        if other.base == item.name:
            answers = answers.with_replaced(other, replace(other, base=renamed.name))
    return answers.with_replaced(item, renamed)


def references(answers: Answers, item: Item, renamed: Item) -> dict[str, str]:
    """Return patterns of what names an item in a config or in its own code, and the new names."""
    kind = KINDS[item.kind]
    mentions = {
        mention.replace("OPTION", option_of(item)): rf"\g<1>{option_of(renamed)}"
        for mention in kind.mentions
    }
    return mentions | {
        rf"\b{kind.class_name(item.name)}\b": kind.class_name(renamed.name),
        rf"\b{answers.package}\.{item.name}\b": f"{answers.package}.{renamed.name}",
    }


def option_of(item: Item) -> str:
    """Return what chooses an item in its config group."""
    return KINDS[item.kind].option.format(group=item.group, base=item.base, name=item.name)


def with_references(project: Path, plan: Plan, patterns: dict[str, str]) -> Plan:
    """Return the plan with the names replaced in what it moves and in the project's configs."""
    contents = {change.path: change.after for change in plan.changes}
    for config in sorted(project.glob("conf/**/*.yaml")):
        name = config.relative_to(project).as_posix()
        contents.setdefault(name, read(project, name))
    for path, content in contents.items():
        if content is not None and path.endswith((".py", ".yaml")):
            text = content.decode("utf-8", "surrogateescape")
            for pattern, replacement in patterns.items():
                text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
            contents[path] = text.encode("utf-8", "surrogateescape")
    return replace(
        plan,
        changes=changes_of(project, contents),
        notes=plan.notes + _others(project, contents, patterns),
    )


def _others(
    project: Path, contents: dict[str, bytes | None], patterns: dict[str, str]
) -> list[str]:
    """Return a note for each other Python file that names the item."""
    notes = []
    for path in sorted(project.glob("**/*.py")):
        name = path.relative_to(project).as_posix()
        if name in contents or any(part.startswith(".") for part in path.parts):
            continue
        lines = path.read_text("utf-8", errors="replace").splitlines()
        for number, line in enumerate(lines, 1):
            if any(re.search(pattern, line) for pattern in patterns):
                notes.append(f"{name}:{number}: still has the old name")
    return notes
