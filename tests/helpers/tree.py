"""The content of a folder as a dict, and the names in a run folder."""

from pathlib import Path

OWN = {".git", "__pycache__"}
RUN_FILES = {
    ".hydra",
    "checkpoints",
    "config.yaml",
    "loss_curve.png",
    "manifest.yaml",
    "metrics.csv",
    "predictions.parquet",
    "report.html",
    "report_pictures",
    "train.log",
}
"""The names in a run folder after training."""


def tree(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below a folder, without git's and Python's own."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not OWN & set(path.relative_to(folder).parts)
    }
