"""Notes on files, for the log and for errors: guessed dialects, rows that cannot be read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from lightning_transformers.base.errors import ConfigurationError

OnBadRow = Literal["error", "drop", "fill"]
SHOWN = 5
"""Rows that a message lists."""


@dataclass
class Report:
    """Notes on the files of a split.

    Attributes:
        names: names of the files.
        unit: what is numbered in them.
        on_bad_row: whether a bad row is an error, dropped, or filled with missing values.
        file: index of the file that is being read.
        dialects: guesses that differ from the default, such as `delimiter ';'`, with their file.
        rejected: number of bad rows.
        first: file, line and reason of the first of them.
    """

    names: Sequence[str]
    on_bad_row: OnBadRow = "error"
    unit: str = "line"
    file: int = 0
    dialects: list[tuple[int, str]] = field(default_factory=list)
    rejected: int = 0
    first: list[tuple[int, int, str]] = field(default_factory=list)

    def guessed(self, fact: str) -> None:
        """Note a guess about the current file."""
        if (self.file, fact) not in self.dialects:
            self.dialects.append((self.file, fact))

    def reject(self, line: int, reason: str) -> None:
        """Note a bad row of the current file; raises ConfigurationError at the fifth error."""
        self.rejected += 1
        if len(self.first) < SHOWN:
            self.first.append((self.file, line, reason))
        if self.on_bad_row == "error" and self.rejected == SHOWN:
            self.raise_if_rejected()

    def raise_if_rejected(self) -> None:
        """Raise ConfigurationError with the places of bad rows, if these are errors."""
        if self.rejected and self.on_bad_row == "error":
            raise ConfigurationError(
                f"{self.places()}: correct the rows, or set dataset.on_bad_row=drop"
            )

    def places(self) -> str:
        """Return the file, line and reason of the first bad rows, in one line."""
        return "; ".join(
            f"'{self.names[f]}' {self.unit} {line} {reason}" for f, line, reason in self.first
        )

    def summary(self) -> list[str]:
        """Return the log lines about guesses and dropped rows."""
        lines = []
        for file in dict.fromkeys(file for file, _ in self.dialects):
            facts = ", ".join(fact for other, fact in self.dialects if other == file)
            lines.append(f"read '{self.names[file]}' with {facts}")
        if self.rejected:
            verb = "dropped" if self.on_bad_row == "drop" else "left empty"
            rows = "row" if self.rejected == 1 else "rows"
            lines.append(f"{verb} {self.rejected} bad {rows}: {self.places()}")
        return lines
