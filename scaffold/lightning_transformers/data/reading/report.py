"""Notes on files, for the log and for errors: guessed dialects, rows that cannot be read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from lightning_transformers.base.errors import ConfigurationError, joined
from lightning_transformers.data.reading.sources import format_of

OnBadRow = Literal["error", "drop", "fill"]
SHOWN = 5
"""Rows that a message lists."""
COUNTED = 1000
"""Bad rows after which an error ends the reading of a file."""


@dataclass
class Report:
    """Notes on the files of a split.

    Attributes:
        names: names of the files by their numbers.
        on_bad_row: whether a bad row is an error, dropped, or filled with missing values.
        unit: what is numbered in a file.
        file: number of the file that is being read.
        dialects: facts on each file, such as `delimiter ';'`, and whether they are the default.
        rejected: number of bad rows.
        kept: how many of them are kept with their reasons.
        first: file, line and reason of these.
    """

    names: Sequence[str] | Mapping[int, str]
    on_bad_row: OnBadRow = "error"
    unit: str = "line"
    file: int = 0
    dialects: list[tuple[int, str, bool]] = field(default_factory=list)
    rejected: int = 0
    kept: int = SHOWN
    first: list[tuple[int, int, str]] = field(default_factory=list)

    def taken(self, fact: str, is_default: bool = False) -> None:
        """Note a fact on the current file."""
        if (self.file, fact, is_default) not in self.dialects:
            self.dialects.append((self.file, fact, is_default))

    def reject(self, line: int, reason: str) -> None:
        """Note a bad row of the current file; raises ConfigurationError at the last one counted."""
        self.rejected += 1
        if len(self.first) < self.kept:
            self.first.append((self.file, line, reason))
        if self.on_bad_row == "error" and self.rejected == COUNTED:
            self.raise_if_rejected()

    def raise_if_rejected(self) -> None:
        """Raise ConfigurationError with the places of bad rows, if these are errors."""
        if self.rejected and self.on_bad_row == "error":
            number = f"{self.rejected} rows{' or more' if self.rejected == COUNTED else ''}"
            head = f"{number}, the first {SHOWN}: " if self.rejected > SHOWN else ""
            raise ConfigurationError(
                f"{head}{self.places()}: correct the rows, or set dataset.on_bad_row=drop"
            )

    def place(self, file: int, line: int) -> str:
        """Return the place of a row: its line, or its number in a file without lines."""
        has_rows = format_of(self.names[file])[0] in (".json", ".parquet")
        return f"'{self.names[file]}' {'row' if has_rows else self.unit} {line}"

    def places(self) -> str:
        """Return the file, line and reason of the first bad rows, in one line."""
        shown = self.first[:SHOWN]
        places = (f"{self.place(file, line)} {reason}" for file, line, reason in shown)
        return "; ".join(places) + (" …" if self.rejected > SHOWN else "")

    def summary(self) -> list[str]:
        """Return the log lines about guesses and dropped rows."""
        return [*self.guesses(), *self.losses()]

    def guesses(self) -> list[str]:
        """Return the log lines about facts that are not the default."""
        by_file: dict[int, list[str]] = {}
        for file, fact, is_default in self.dialects:
            if not is_default:
                by_file.setdefault(file, []).append(fact)
        by_facts: dict[str, list[str]] = {}
        for file, facts in by_file.items():
            by_facts.setdefault(", ".join(facts), []).append(f"'{self.names[file]}'")
        return [f"read {joined(names)} with {facts}" for facts, names in by_facts.items()]

    def losses(self) -> list[str]:
        """Return the log line about dropped rows, if any."""
        if not self.rejected:
            return []
        verb = "dropped" if self.on_bad_row == "drop" else "left empty"
        rows = "row" if self.rejected == 1 else "rows"
        return [f"{verb} {self.rejected} bad {rows}: {self.places()}"]
