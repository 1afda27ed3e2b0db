"""`ltscaffold rename`: give an item another name, in its files and wherever the config names it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from ltscaffold.project.components import answers_text, item_files, option_of
from ltscaffold.project.merge_files import is_edited
from ltscaffold.project.validation import check_new_name
from ltscaffold.record.answers import ANSWERS_FILE, Answers, Item, read_project
from ltscaffold.record.component_types import COMPONENT_TYPES
from ltscaffold.templating.catalog import catalog_of
from ltscaffold.templating.render import Files
from ltscaffold.writing.plan import Plan, changes_of, check_free, read

Patterns = dict[str, str]
"""Regular expressions of what names an item, with the replacement of each."""


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
    check_new_name(catalog_of(answers), answers, COMPONENT_TYPES[item.kind], new_name)
    renamed = replace(item, name=new_name)
    new = renamed_answers(answers, item, renamed)
    patterns = names_in_code(answers, item, renamed) | names_in_configs(item, renamed)
    contents: dict[str, bytes | None] = {ANSWERS_FILE: answers_text(new).encode()}
    for one, other in zip(answers.items, new.items, strict=True):
        if one != other:
            old_files, new_files = item_files(answers, one), item_files(new, other)
            contents |= moved(project, old_files, new_files, patterns)
    for path in other_files(project, "conf/**/*.yaml", contents):
        contents[path] = substituted(read(project, path), patterns)
    changes = changes_of(project, contents)
    return Plan(
        f"rename {name} {new_name}", changes, notes=[*mentions(project, contents, patterns)]
    )


def moved(
    project: Path, old_files: Files, new_files: Files, patterns: Patterns
) -> dict[str, bytes | None]:
    """Return the contents of an item's files with other names in them, and perhaps other paths.

    An edited file keeps its lines, and so needs no merge: only the names in it change.
    """
    check_free(project, new_files.keys() - old_files.keys())
    contents: dict[str, bytes | None] = {}
    for (old_path, before), (path, after) in zip(old_files.items(), new_files.items(), strict=True):
        ours = read(project, old_path)
        contents[old_path] = None
        if is_edited(project, old_path, before):
            contents[path] = substituted(ours, patterns)
        else:
            contents[path] = None if ours is None else after.encode()
    return contents


def renamed_answers(answers: Answers, item: Item, renamed: Item) -> Answers:
    """Return answers in which an item has another name, as a base of others, too."""
    for other in answers.items:
        if other.base == item.name:
            answers = answers.with_replaced(other, replace(other, base=renamed.name))
    return answers.with_replaced(item, renamed)


def names_in_code(answers: Answers, item: Item, renamed: Item) -> Patterns:
    """Return the patterns of the module, the classes and the words in docstrings."""
    kind = COMPONENT_TYPES[item.kind]
    old, new = (kind.class_name(i.name).removesuffix(kind.suffix) for i in (item, renamed))
    return {
        rf"\b(Test)?{old}({kind.suffix})?\b": rf"\g<1>{new}\g<2>",
        rf"\b{answers.package}\.{item.name}\b": f"{answers.package}.{renamed.name}",
        rf"\b([Tt]he) {item.name} ({item.kind})\b": rf"\g<1> {renamed.name} \g<2>",
    }


def names_in_configs(item: Item, renamed: Item) -> Patterns:
    """Return the patterns of the option of a config group, such as `nlp/mine`."""
    return {
        mention.replace("OPTION", option_of(item)): rf"\g<1>{option_of(renamed)}"
        for mention in COMPONENT_TYPES[item.kind].mentions
    }


def substituted(content: bytes | None, patterns: Patterns) -> bytes | None:
    """Return a file's content with the names replaced."""
    if content is None:
        return None
    text = content.decode("utf-8", "surrogateescape")
    for pattern, replacement in patterns.items():
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    return text.encode("utf-8", "surrogateescape")


def other_files(project: Path, glob: str, known: Mapping[str, object]) -> Iterator[str]:
    """Yield the files of a project that match, but for known and hidden ones."""
    for path in sorted(project.glob(glob)):
        relative = path.relative_to(project)
        hidden = any(part.startswith(".") for part in relative.parts)
        if path.is_file() and not hidden and relative.as_posix() not in known:
            yield relative.as_posix()


def mentions(project: Path, known: Mapping[str, object], patterns: Patterns) -> Iterator[str]:
    """Yield a note for each line of another Python file that names the item."""
    for path in other_files(project, "**/*.py", known):
        lines = (read(project, path) or b"").decode("utf-8", "replace").splitlines()
        for number, line in enumerate(lines, 1):
            if any(re.search(pattern, line) for pattern in patterns):
                yield f"{path}:{number}: still has the old name"
