"""The record of what was generated into a project: `.copier-answers.yml`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import yaml

from ltscaffold.errors import ScaffoldError, unknown
from ltscaffold.record.component_types import COMPONENT_TYPES
from ltscaffold.record.names import SNAKE_CASE

ANSWERS_FILE = ".copier-answers.yml"
OWN_PARTIALS = ".ltscaffold/templates"
"""Folder of a project with partials that it has for its own."""
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The one in C, where PyYAML was built with it: a record of 1000 items takes a second otherwise."""
VERSION_LINE = re.compile(r"^_commit: *[\"']?([^\s\"']+)", re.MULTILINE)
KEYS = {"_commit", "_src_path", "lts_package", "lts_items"}
CONFLICT = re.compile(r"^(<{7}|={7}|>{7}) ?", re.MULTILINE)


@dataclass(frozen=True)
class Item:
    """A task, dataset or callback that was generated.

    Attributes:
        kind: a key of `COMPONENT_TYPES`.
        name: its module, config and test.
        group: the config group within the kind's, such as `nlp`.
        base: the task that it is based on, of the runtime or of the project.
        parts: template partials that give it methods, `hooks/<name>` and `recipes/<name>`, in the
            order they were added.
        v: the template version that it was rendered at.
    """

    kind: str
    name: str
    group: str
    base: str
    parts: list[str]
    v: str


@dataclass(frozen=True)
class Answers:
    """What a project records: the template source and version, the package folder, the items.

    Its folder of partials of its own is no record, but decides as much what is rendered.
    """

    version: str
    source: str
    package: str
    items: list[Item] = field(default_factory=list)
    own_partials: Path | None = field(default=None, compare=False)

    def with_item(self, item: Item) -> "Answers":
        """Return these answers with one more item."""
        return replace(self, items=[*self.items, item])

    def item(self, name: str) -> Item:
        """Return the item of a name; raises ScaffoldError, with the nearest, if there is none."""
        for item in self.items:
            if item.name == name:
                return item
        raise unknown("item", name, (item.name for item in self.items), "ltscaffold list items")

    def with_replaced(self, item: Item, *others: Item) -> "Answers":
        """Return these answers with other items, or none, in the place of one."""
        items = [new for old in self.items for new in (others if old == item else (old,))]
        return replace(self, items=items)

    def ancestors(self, base: str) -> list[Item]:
        """Return the items that a base stands on, itself the first; none for one of the runtime."""
        by_name = {item.name: item for item in self.items}
        found: list[Item] = []
        while base in by_name and by_name[base] not in found:
            found.append(by_name[base])
            base = found[-1].base
        return found

    def variables(self, only: Sequence[Item] | None = None) -> dict[str, Any]:
        """Return what templates see, under the names that Copier gives it.

        Args:
            only: the items that paths stand for, in place of all.
        """
        rendered = [asdict(item) for item in (self.items if only is None else only)]
        return {
            "_copier_answers": {"_commit": self.version, "_src_path": self.source},
            "_copier_conf": {"answers_file": ANSWERS_FILE},
            "lts_package": self.package,
            "lts_items": [asdict(item) for item in self.items],
        } | {
            kind.items: [item for item in rendered if item["kind"] == kind.name]
            for kind in COMPONENT_TYPES.values()
        }


def read_answers(project: Path) -> Answers | None:
    """Return what a project records, or None if nothing was generated into it yet.

    Raises:
        ScaffoldError: if the file is damaged, or another template's.
    """
    path = project / ANSWERS_FILE
    if not path.exists():
        return None
    try:
        text = path.read_text(encoding="utf-8")
        if CONFLICT.search(text):
            raise ScaffoldError(
                f"{path} has conflict markers: delete the lines with <<<<<<<, ======= and >>>>>>>, "
                "keep those between them, and run `ltscaffold update`"
            )
        recorded = yaml.load(text, LOADER)
        if "_src_path" in recorded and "lts_items" not in recorded:
            raise ScaffoldError(
                f"{path} belongs to another template ({recorded['_src_path']}): "
                "use another folder, see --project"
            )
        return replace(_parse(recorded), own_partials=project.resolve() / OWN_PARTIALS)
    except (yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ScaffoldError(
            f"{path} is damaged ({reason}): restore it, for example with "
            f"git checkout -- {ANSWERS_FILE}"
        ) from None


def read_project(project: Path) -> Answers:
    """Return what a project records; raises ScaffoldError where there is none or two, too."""
    answers = read_merged(project)
    check_merged(project, answers)
    return answers


def read_merged(project: Path) -> Answers:
    """Return what a project records, be it as merged branches left it: some items twice.

    Raises:
        ScaffoldError: where there is no record, or a damaged one.
    """
    if not project.is_dir():
        raise ScaffoldError(f"there is no folder {project}: see --project")
    answers = read_answers(project)
    if answers is None:
        raise ScaffoldError(
            f"{project.resolve()} is no project of ltscaffold (it has no {ANSWERS_FILE}): "
            "see --project"
        )
    return answers


def check_merged(project: Path, answers: Answers) -> None:
    """Raise ScaffoldError where merged branches left two lines for one thing."""
    names = [item.name for item in answers.items]
    twice = sorted({name for name in names if names.count(name) > 1})
    if len(recorded_versions(project)) > 1:
        twice = ["_commit", *twice]
    if twice:
        raise ScaffoldError(
            f"{ANSWERS_FILE} names {', '.join(twice)} twice (merged branches?): "
            "`ltscaffold update` puts that right"
        )


def recorded_versions(project: Path) -> list[str]:
    """Return the versions that a project's record names: more than one after some merges."""
    text = (project / ANSWERS_FILE).read_text(encoding="utf-8")
    return list(dict.fromkeys(VERSION_LINE.findall(text)))


def _parse(recorded: Mapping[str, Any]) -> Answers:
    missing = KEYS - set(recorded)
    if missing:
        raise ValueError(f"it lacks {', '.join(sorted(missing))}")
    known = {field.name for field in fields(Item)}
    strange = set(recorded) - KEYS | {key for item in recorded["lts_items"] for key in item} - known
    if strange:
        raise ScaffoldError(
            f"{ANSWERS_FILE} has keys that this ltscaffold does not know "
            f"({', '.join(sorted(strange))}): delete them, or pip install --upgrade ltscaffold"
        )
    items = [Item(**item) for item in recorded["lts_items"]]
    for item in items:
        if item.kind not in COMPONENT_TYPES:
            raise ValueError(f"{item.kind!r} is no kind of item that this ltscaffold knows")
    for name in (recorded["lts_package"], *(item.name for item in items)):
        if not SNAKE_CASE.fullmatch(name):
            raise ValueError(f"{name!r} is not a name that ltscaffold gives")
    return Answers(recorded["_commit"], recorded["_src_path"], recorded["lts_package"], items)
