"""Run folders without a run, and the numbers and addresses in a page."""

import json
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

MANIFEST: dict[str, Any] = {
    "command": ["/home/alice/project/train.py", "+task=nlp/mine", "logger.wandb.api_key=abc123"],
    "directory": "/home/alice/project",
    "config": "1" * 64,
    "seeds": {"training": 0, "dataset": 0},
    "versions": {"python": "3.11.2", "torch": "2.13.0"},
    "machine": {"system": "Linux", "processor": "CPU"},
    "training": {"device": "cpu", "processes": 1},
    "git": {"commit": "ab" * 20},
    "code": {},
    "inputs": {},
    "data": {"train": {"source": "/home/alice/data/train.csv", "rows": 12, "digest": "2" * 64}},
    "changed": {
        "hub.token": [None, "hf_secretsecretsecret"],
        "dataset.train_file": [None, "/x/y/a.csv"],
    },
    "metrics": {"val/loss": 0.5, "val/accuracy": 0.75},
}


def run_folder(folder: Path, rows: Sequence[Mapping[str, Any]] = (), **config: Any) -> Path:
    """Write a finished run into a folder, with predictions if there are rows; return the folder."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / "manifest.yaml").write_text(yaml.safe_dump(MANIFEST))
    lines = ["step,epoch,train/loss,val/loss", "5,0,2.0,", "9,0,,1.5", "14,1,1.0,", "19,1,,1.25"]
    (folder / "metrics.csv").write_text("\n".join(lines) + "\n")
    if rows:
        about = {
            "lightning_transformers": json.dumps({"split": "test", "step": 19, "task": "Mine"})
        }
        table = pa.Table.from_pylist([*rows]).replace_schema_metadata(about)
        pq.write_table(table, folder / "predictions.parquet")
    return folder


class Page(HTMLParser):
    """The content of a page.

    Attributes:
        tables: the cells of each table by caption, summary or heading, the head first.
        counts: the numbers in a confusion matrix, row by row.
        facts: values by name.
        addresses: all that a browser would load.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.counts: list[int] = []
        self.facts: dict[str, str] = {}
        self.addresses: list[str] = []
        self.text = file.read_text("utf-8")
        self.open: list[str] = []
        self.caption = self.name = ""
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Start an element."""
        values = dict(attrs)
        found = (values.get(name) for name in ("src", "href", "xlink:href", "srcset"))
        self.addresses += [address for address in found if address]
        if tag not in ("meta", "link", "img", "br"):
            self.open.append("count" if values.get("class") == "count" else tag)
        if tag in ("h2", "caption", "summary"):
            self.caption = ""
        if tag == "tr":
            self.tables.setdefault(self.caption, []).append([])
        if tag in ("td", "th"):
            self.tables[self.caption][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        """End an element."""
        self.open.pop()

    def handle_data(self, data: str) -> None:
        """Add text to the element that contains it."""
        inside = self.open[-1:]
        if inside in (["h2"], ["caption"], ["summary"]):
            self.caption += data.strip()
        elif inside == ["count"]:
            self.counts.append(int(data))
        elif inside == ["dt"]:
            self.name = data
        elif inside == ["dd"]:
            self.facts[self.name] = data
        elif {"td", "th"} & set(self.open):
            self.tables[self.caption][-1][-1] += data
