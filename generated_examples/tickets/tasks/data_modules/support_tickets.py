"""Data module of the dataset `support_tickets`."""

from typing import Any

from lightning_transformers.task.nlp.text_classification import (
    TextClassificationDataModule,
)


class SupportTicketsDataModule(TextClassificationDataModule):
    """Texts or text pairs with labels."""

    def clean_row(self, row: dict[str, Any]) -> dict[str, Any] | None:
        """Return a cleaned raw row, or None to drop it."""
        # row: values by column; a row to predict on may have no category
        row = {name: (value or "").strip() for name, value in row.items()}
        row["text"] = f"{row['subject']} {row['message']}".strip() or None
        row["label"] = row.get("category", "").lower() or None
        return row
