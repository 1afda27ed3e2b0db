"""The parameter table on the console."""

from pytorch_lightning.callbacks import ModelSummary
from pytorch_lightning.utilities.model_summary.model_summary import get_human_readable_count
from rich import get_console
from rich.table import Table


class ParameterTable(ModelSummary):
    """Lightning's model summary without FLOPs, which it reports as 0 for batches of text.

    It replaces the summary that Lightning adds by default.
    """

    @staticmethod
    def summarize(  # type: ignore[override]  # the rest is Lightning's
        summary_data: list[tuple[str, list[str]]],
        total_parameters: int,
        trainable_parameters: int,
        model_size: float,
        total_training_modes: dict[str, int],
        **_: object,
    ) -> None:
        """Print the table."""
        columns = {name: cells for name, cells in summary_data if name != "FLOPs"}
        table = Table(*columns, header_style="bold magenta")
        for row in zip(*columns.values(), strict=True):
            table.add_row(*row)
        counts = {
            "Trainable params": trainable_parameters,
            "Non-trainable params": total_parameters - trainable_parameters,
            "Total params": total_parameters,
        }
        totals = {name: get_human_readable_count(count) for name, count in counts.items()}
        totals["Total estimated model params size (MB)"] = f"{model_size:,.3f}"
        totals |= {f"Modules in {mode} mode": str(n) for mode, n in total_training_modes.items()}
        get_console().print(
            table, *(f"[bold]{name}[/]: {n}" for name, n in totals.items()), sep="\n"
        )
