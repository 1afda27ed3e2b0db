"""The progress of a preparation, which survives a kill."""

import json
from pathlib import Path
from typing import Any

from lightning_transformers.base.atomic import write_atomically


class Progress:
    """The shards of a split that are finished, in order, and the state of its stream after them.

    Each is a line of a file, which is appended when its shard is whole.

    Args:
        file: the file; a line that a kill has cut is dropped.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.shards: list[dict[str, Any]] = []
        """The description of each shard."""
        self.state: dict[str, Any] | None = None
        """The state of the stream after the last shard; None before the first."""
        lines = file.read_text("utf-8").splitlines(keepends=True) if file.is_file() else []
        whole = [line for line in lines if line.endswith("\n")]
        for line in whole:
            entry = json.loads(line)
            self.shards.append(entry["shard"])
            self.state = entry["state"]
        if len(whole) < len(lines):
            with write_atomically(file) as unfinished:
                unfinished.write_text("".join(whole), "utf-8")

    def add(self, shard: dict[str, Any], state: dict[str, Any]) -> None:
        """Record a shard and the state after it."""
        self.shards.append(shard)
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"shard": shard, "state": state}) + "\n")
