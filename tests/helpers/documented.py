"""The metrics and features of each task that the documentation lists."""

import re
from typing import NamedTuple

from build_tools.release_templates import ROOT


class Applies(NamedTuple):
    """A row of the table of features by task."""

    class_weights: bool
    stratify: bool
    probabilities: bool
    sections: list[str]


def documented_applies(task: str) -> Applies:
    """Return the row of a task.

    Args:
        task: such as `nlp/translation`.
    """
    page = (ROOT / "docs/reference/tasks.md").read_text()
    (row,) = re.findall(
        rf"^\| `{task}` \| (.*) \|$", page.partition("## Features by task")[2], re.M
    )
    *cells, sections = row.split(" | ")
    return Applies(*(cell == "yes" for cell in cells), sections.split(", "))


def documented_metrics(row: str) -> set[str]:
    """Return the names of the metrics in a row of the table, without `val/`, and with `loss`.

    Args:
        row: the first cell of the row.
    """
    page = (ROOT / "docs/reference/tasks.md").read_text()
    (cell,) = re.findall(
        rf"^\| {re.escape(row)} \| (.*?) \|$",
        page.partition("## Metrics")[2].partition("\n## ")[0],
        re.M,
    )
    return {"loss", *re.findall(r"`(\w+)`", cell.partition(";")[0])}


def documented_intervals(task: str) -> set[str]:
    """Return the names of the metrics with intervals in a card, by `docs/how-to/export.md`.

    Args:
        task: such as `nlp/translation`.
    """
    page = (ROOT / "docs/how-to/export.md").read_text()
    (row,) = re.findall(rf"^\| `{task}` \| (.*) \|$", page, re.M)
    return {*re.findall(r"`(\w+)`", row.split(" | ")[-1])}
