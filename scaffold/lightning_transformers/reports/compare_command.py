"""`python -m lightning_transformers compare RUN RUN…`."""

from pathlib import Path

from lightning_transformers.base.run_folder import require_run
from lightning_transformers.config.exit_status import LineParser, exit_on_error
from lightning_transformers.reports.comparison import Comparison

DESCRIPTION = "Print metrics, settings and environments of runs side by side, and write a page."


def run_command() -> None:
    """Run the command line; exit with status 2 for a mistake."""
    with exit_on_error():
        usage = "compare <run folder> <run folder> … [--output <file>.html]"
        parser = LineParser("compare", usage, DESCRIPTION)
        parser.add_argument("runs", type=Path, nargs="+", help="folders of runs")
        parser.add_argument(
            "--output", type=Path, default=Path("comparison.html"), help="the page to write"
        )
        options = parser.parse_args()
        if len(options.runs) < 2:
            parser.error("give two runs or more")
        for folder in options.runs:
            require_run(folder)
        comparison = Comparison(options.runs)
        print(comparison.text())
        comparison.write(options.output)
        print(f"\nPage: {options.output}")
