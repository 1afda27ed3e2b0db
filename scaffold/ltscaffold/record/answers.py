"""The record of what was generated into a project: `.copier-answers.yml`."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

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
SINCE_2_0 = {"lts_runtime"}
"""Keys of newer templates: the oldest runtime they work with, which the runtime reads."""
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


Fields = dict[str, object]
"""The fields of an item, or of Copier, as templates see them."""
Variables = dict[str, str | Fields | list[Fields]]
"""What templates see, by name."""


@dataclass(frozen=True)
class Answers:
    """What a project records: the template source and version, the package folder, the items.

    Attributes:
        version: of the templates.
        source: URL of the templates.
        package: the folder of the items.
        items: what was generated.
        own_partials: the project's folder of partials; not recorded, but decides what is rendered.
        versions: every version on record; more than one where branches were merged.
    """

    version: str
    source: str
    package: str
    items: list[Item] = field(default_factory=list)
    own_partials: Path | None = field(default=None, compare=False)
    versions: Sequence[str] = field(default=(), compare=False)

    def item(self, name: str) -> Item:
        """Return the item of a name; raises ScaffoldError, with the nearest, if there is none."""
        items = self._by_name()
        if name not in items:
            raise unknown("item", name, items, "ltscaffold list items")
        return items[name]

    def with_replaced(self, item: Item, *others: Item) -> "Answers":
        """Return these answers with other items, or none, in the place of one."""
        items = [new for old in self.items for new in (others if old == item else (old,))]
        return replace(self, items=items)

    def ancestors(self, base: str) -> list[Item]:
        """Return the items that a base stands on, itself the first; none for one of the runtime."""
        items, found = self._by_name(), list[Item]()
        while base in items and items[base] not in found:
            found.append(items[base])
            base = found[-1].base
        return found

    def variables(self, only: Sequence[Item] | None = None) -> Variables:
        """Return what templates see, under the names that Copier gives it.

        Args:
            only: the items that paths stand for, in place of all.
        """
        variables: Variables = {
            "_copier_answers": {"_commit": self.version, "_src_path": self.source},
            "_copier_conf": {"answers_file": ANSWERS_FILE},
            "lts_package": self.package,
            "lts_items": [asdict(item) for item in self.items],
        }
        for kind in COMPONENT_TYPES.values():
            items = self.items if only is None else only
            variables[kind.items] = [asdict(item) for item in items if item.kind == kind.name]
        return variables

    def _by_name(self) -> dict[str, Item]:
        return {item.name: item for item in self.items}


def read_answers(project: Path) -> Answers | None:
    """Return what a project records, or None if nothing was generated into it yet.

    Raises:
        ScaffoldError: if the file is damaged, or another template's.
    """
    path = project / ANSWERS_FILE
    if not path.exists():
        return None
    try:
        return _parsed(path)
    except (yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ScaffoldError(
            f"{path} is damaged ({reason}): restore it, for example with "
            f"git checkout -- {ANSWERS_FILE}"
        ) from None


def read_project(project: Path) -> Answers:
    """Return what a project records; raises ScaffoldError where there is none or two, too."""
    answers = read_merged(project)
    check_merged(answers)
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


def check_merged(answers: Answers) -> None:
    """Raise ScaffoldError where merged branches left two lines for one thing."""
    counts = Counter(item.name for item in answers.items)
    twice = ["_commit"] * (len(answers.versions) > 1)
    twice += sorted(name for name, count in counts.items() if count > 1)
    if twice:
        raise ScaffoldError(
            f"{ANSWERS_FILE} names {', '.join(twice)} twice (merged branches?): "
            "`ltscaffold update` puts that right"
        )


def _parsed(path: Path) -> Answers:
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
    keys = set(recorded)
    if missing := KEYS - keys:
        raise ValueError(f"it lacks {', '.join(sorted(missing))}")
    known = {field.name for field in fields(Item)}
    strange = (
        keys - KEYS - SINCE_2_0 | {key for item in recorded["lts_items"] for key in item} - known
    )
    if strange:
        raise ScaffoldError(
            f"{ANSWERS_FILE} has keys that this ltscaffold does not know "
            f"({', '.join(sorted(strange))}): delete them, or pip install --upgrade ltscaffold"
        )
    items, package = [Item(**item) for item in recorded["lts_items"]], recorded["lts_package"]
    for item in items:
        if item.kind not in COMPONENT_TYPES:
            raise ValueError(f"{item.kind!r} is no kind of item that this ltscaffold knows")
    for name in (package, *(item.name for item in items)):
        if not SNAKE_CASE.fullmatch(name):
            raise ValueError(f"{name!r} is not a name that ltscaffold gives")
    own_partials = path.parent.resolve() / OWN_PARTIALS
    versions = list(dict.fromkeys(VERSION_LINE.findall(text)))
    return Answers(
        recorded["_commit"], recorded["_src_path"], package, items, own_partials, versions
    )
