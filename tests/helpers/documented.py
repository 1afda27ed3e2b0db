"""The metrics that `docs/tasks.md` lists."""

import re

from build_tools.release_templates import ROOT


def documented_metrics(row: str) -> set[str]:
    """Return the names of the metrics in a row of the table, without `val/`, and with `loss`.

    Args:
        row: the first cell of the row.
    """
    page = (ROOT / "docs/tasks.md").read_text()
    (cell,) = re.findall(
        rf"^\| {re.escape(row)} \| (.*?) \|$", page.partition("## Metrics")[2], re.M
    )
    return {"loss", *re.findall(r"`(\w+)`", cell.partition(";")[0])}
