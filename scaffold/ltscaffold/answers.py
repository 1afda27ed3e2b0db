"""The record of what was generated into a project: `.copier-answers.yml`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from ltscaffold.errors import ScaffoldError
from ltscaffold.names import SNAKE_CASE

ANSWERS_FILE = ".copier-answers.yml"


@dataclass(frozen=True)
class Item:
    """A task, dataset or callback that was generated.

    Attributes:
        kind: "task".
        name: its module, config and test.
        group: the config group within the kind's, such as `nlp`.
        base: the task of the runtime that it is based on.
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
    """What a project records: the template source and version, the package folder, the items."""

    version: str
    source: str
    package: str
    items: list[Item] = field(default_factory=list)

    def with_item(self, item: Item) -> "Answers":
        """Return these answers with one more item."""
        return replace(self, items=[*self.items, item])

    def variables(self) -> dict[str, Any]:
        """Return what templates see, under the names that Copier gives it."""
        items = [asdict(item) for item in self.items]
        return {
            "_copier_answers": {"_commit": self.version, "_src_path": self.source},
            "_copier_conf": {"answers_file": ANSWERS_FILE},
            "lts_package": self.package,
            "lts_items": items,
            "lts_tasks": [item for item in items if item["kind"] == "task"],
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
        recorded = yaml.safe_load(path.read_text(encoding="utf-8"))
        if "_src_path" in recorded and "lts_items" not in recorded:
            raise ScaffoldError(
                f"{path} belongs to another template ({recorded['_src_path']}): "
                "use another folder, see --project"
            )
        return _parse(recorded)
    except (yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ScaffoldError(
            f"{path} is damaged ({reason}): restore it, for example with "
            f"git checkout -- {ANSWERS_FILE}"
        ) from None


def _parse(recorded: Mapping[str, Any]) -> Answers:
    missing = {"_commit", "_src_path", "lts_package", "lts_items"} - set(recorded)
    if missing:
        raise ValueError(f"it lacks {', '.join(sorted(missing))}")
    items = [Item(**item) for item in recorded["lts_items"]]
    for name in (recorded["lts_package"], *(item.name for item in items)):
        if not SNAKE_CASE.fullmatch(name):
            raise ValueError(f"{name!r} is not a name that ltscaffold gives")
    return Answers(recorded["_commit"], recorded["_src_path"], recorded["lts_package"], items)
