"""Several runs side by side: as a text, and as a page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning_transformers.base.run_folder import STACK
from lightning_transformers.config.provenance import leaves
from lightning_transformers.reports.charts import curves
from lightning_transformers.reports.page import write_page
from lightning_transformers.reports.parts import Part, Section, Table
from lightning_transformers.reports.redaction import public
from lightning_transformers.reports.run_files import RunFiles

UNCOMPARED = ("training.run_dir", "trainer.default_root_dir", "hydra")
"""Settings that always differ."""

REFERRING = ("tokenizer.", "dataset.", "task.")
"""Groups that repeat values of those before them."""


class Comparison:
    """Runs side by side.

    Args:
        folders: the run folders.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.runs = [RunFiles(folder) for folder in folders]
        names = [folder.resolve().name for folder in folders]
        self.names = names if len(set(names)) == len(names) else list(map(str, folders))

    def tables(self) -> list[Table]:
        """Return outcome, metrics, different settings and different versions, a column per run."""
        metrics = [run.manifest.get("metrics") or last_values(run) for run in self.runs]
        configs = [dict(leaves(run.config)) for run in self.runs]
        settings = [
            {
                key: public(key, value)
                for key, value in config.items()
                if not is_place(key, value, run)
            }
            for config, run in zip(configs, self.runs, strict=True)
        ]
        about = [
            {
                "status": run.manifest.get("status"),
                "commit": str((run.manifest.get("git") or {}).get("commit") or "")[:12] or None,
                **{name: run.manifest.get("versions", {}).get(name) for name in STACK},
                "device": run.manifest.get("training", {}).get("device"),
            }
            for run in self.runs
        ]
        tables = [
            self.table("metric", "Last metrics", metrics),
            self.table("setting", "Different settings", settings, only_different=True),
            self.table("fact", "Different outcomes and environments", about, only_different=True),
        ]
        return [table for table in tables if table.rows]

    def table(
        self,
        head: str,
        caption: str,
        columns: Sequence[dict[str, Any]],
        only_different: bool = False,
    ) -> Table:
        """Return a table with a row per key and a column per run.

        Args:
            head: name of the column of keys.
            caption: the caption.
            columns: values by key, of each run.
            only_different: omit keys with the same value in all runs.
        """
        keys = dict.fromkeys(key for column in columns for key in column)
        rows = [(key, *(column.get(key) for column in columns)) for key in keys]
        if only_different:
            rows = without_references([row for row in rows if len(set(map(str, row[1:]))) > 1])
        return Table(caption, (head, *self.names), rows)

    def text(self) -> str:
        """Return the tables as a text with aligned columns."""
        blocks = []
        for table in self.tables():
            rows = [list(table.head), *([c for _, c in table.cells(row)] for row in table.rows)]
            widths = [max(len(str(row[n])) for row in rows) for n in range(len(table.head))]
            lines = [
                "  ".join(str(c).ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
                for row in rows
            ]
            blocks.append("\n".join([f"{table.caption}:", *(f"  {line}" for line in lines)]))
        return "\n\n".join(blocks)

    def write(self, file: Path) -> None:
        """Write the page, with the curves of each metric in one picture."""
        metrics = dict.fromkeys(name for run in self.runs for name in run.curves)
        plots: list[Part] = []
        for metric in sorted(metrics, key=lambda name: not name.endswith("loss")):
            series = {
                name: run.curves.get(metric, [])
                for name, run in zip(self.names, self.runs, strict=True)
            }
            if plot := curves(metric, series):
                plots.append(plot)
        sections = [Section(table.caption, [table]) for table in self.tables()]
        if plots:
            sections.insert(1, Section("Curves", plots))
        write_page(file, "Comparison of runs", " · ".join(self.names), sections)


def without_references(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return settings without those that repeat another one, as `task.optimizer.lr` does."""
    kept: list[tuple[Any, ...]] = []
    for row in rows:
        same = (other for other in kept if other[1:] == row[1:])
        if not row[0].startswith(REFERRING) or all(last(row[0]) != last(o[0]) for o in same):
            kept.append(row)
    return kept


def last(key: str) -> str:
    """Return the name at the end of a dotted key."""
    return key.rpartition(".")[2]


def last_values(run: RunFiles) -> dict[str, float]:
    """Return the last logged value of each metric, of a run that has not finished."""
    return {name: points[-1][1] for name, points in run.curves.items()}


def is_place(key: str, value: Any, run: RunFiles) -> bool:
    """Return whether a setting names the run folder, which differs in each run."""
    folder = run.config.get("training", {}).get("run_dir")
    return key.startswith(UNCOMPARED) or bool(folder and str(folder) in str(value))
