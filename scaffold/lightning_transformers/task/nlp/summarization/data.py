"""Data module of summarization: texts with their summaries."""

from typing import ClassVar

from lightning_transformers.base.errors import ConfigurationError, joined
from lightning_transformers.data.loading import AnyDataset, column_names, shipped_files
from lightning_transformers.task.shared.seq2seq import Field, Seq2SeqDataModule

KNOWN_COLUMNS = (
    ("text", "summary"),
    ("article", "highlights"),
    ("document", "summary"),
    ("dialogue", "summary"),
    ("article", "abstract"),
)
"""Pairs of a text and a summary column in common datasets."""


class SummarizationDataModule(Seq2SeqDataModule):
    """Pairs of a text and its summary."""

    text_column: str | None = None
    """Column of the text; None: that of a known pair, such as `text` and `summary`."""
    summary_column: str | None = None
    """Column of the summary; None: that of a known pair."""

    sample_files: ClassVar[dict[str, str]] = shipped_files("summarization")

    def fields(self, split: str, rows: AnyDataset) -> tuple[Field, Field | None]:
        """Return the columns of the text and of the summary."""
        if split == "predict":
            text = self.input_column()
            self.require_text(split, rows, text_column=text)
            return (text,), None
        text, summary = self.columns(split, rows)
        self.require_text(split, rows, text_column=text, summary_column=summary)
        return (text,), (summary,)

    def columns(self, split: str, rows: AnyDataset) -> tuple[str, str]:
        """Return the columns of text and summary, inferred from the split on the first call."""
        if self.text_column is None or self.summary_column is None:
            text, summary = self.known_columns(split, column_names(rows))
            self.text_column = self.hparams["text_column"] = text
            self.summary_column = self.hparams["summary_column"] = summary
            reason = f"the columns of the {split} set are {joined(column_names(rows))}"
            self.notices.inferred(reason, text_column=text, summary_column=summary)
        return self.text_column, self.summary_column

    def known_columns(self, split: str, present: list[str]) -> tuple[str, str]:
        """Return the first pair of `KNOWN_COLUMNS` that the split has and that fits a set column.

        Args:
            split: name of the split, for the error message.
            present: its columns.

        Raises:
            ConfigurationError: if no pair fits.
        """
        given = (self.text_column, self.summary_column)
        for pair in KNOWN_COLUMNS:
            fits = all(g in (None, column) for g, column in zip(given, pair, strict=True))
            if fits and set(pair) <= set(present):
                return pair
        missing = [n for n in ("text_column", "summary_column") if getattr(self, n) is None]
        raise ConfigurationError(
            f"cannot infer the text and summary columns of the {split} set (its columns: "
            f"{', '.join(present)}): set "
            + " ".join(f"dataset.{hyperparameter}=<column>" for hyperparameter in missing)
        )

    def pair_columns(self) -> tuple[str, str]:
        """Return the columns of text and summary, `text` and `summary` unless they are set."""
        return self.text_column or "text", self.summary_column or "summary"

    def t5_prefix(self) -> str:
        """Return T5's prefix (Raffel et al., 2020, appendix D)."""
        return "summarize: "
