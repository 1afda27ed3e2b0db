"""Tests of the dataset `support_tickets`."""

from lightning_transformers.testing import DatasetContract

from tasks.data_modules.support_tickets import SupportTicketsDataModule


class TestSupportTickets(DatasetContract):
    """Check that the config composes and names the class, and that a batch trains."""

    task = "nlp/text_classification"
    dataset = "support_tickets"
    data_class = SupportTicketsDataModule
    rows = ("dataset.train_file=tests/rows.csv",)
