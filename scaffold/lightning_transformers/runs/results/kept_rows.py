"""Values that MLflow has from the interrupted part of a run, and cannot drop.

A resumed run repeats the rows since its checkpoint. The logger then gets only values it lacks.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from pytorch_lightning.loggers import Logger, MLFlowLogger

Kept: TypeAlias = Counter[tuple[int | None, str, float]]
"""How often a logger has a value, by step, name and value."""


def kept_values(logger: Logger, first: int) -> Kept:
    """Return the values that a logger has from a step on; none for a logger of another kind.

    Args:
        logger: the logger, with the id of the interrupted run.
        first: the step.
    """
    points = mlflow_points(logger) if isinstance(logger, MLFlowLogger) else ()
    kept: Kept = Counter(point for point in points if point[0] >= first)
    return kept


def skip(logger: Logger, kept: Kept) -> None:
    """Let a logger skip values, each as often as it has it.

    Args:
        logger: the logger.
        kept: the values; those that were skipped are removed.
    """
    log_metrics = logger.log_metrics

    def log_others(metrics: Mapping[str, Any], step: int | None = None) -> None:
        others = {}
        for name, value in metrics.items():
            if kept[step, name, value]:
                kept[step, name, value] -= 1
            else:
                others[name] = value
        if others:
            log_metrics(others, step)

    vars(logger)["log_metrics"] = log_others


def mlflow_points(logger: MLFlowLogger) -> Iterator[tuple[int, str, float]]:
    """Yield step, name and value of each point in the store."""
    client, run = logger.experiment, str(logger.run_id)
    for name in client.get_run(run).data.metrics:
        for point in client.get_metric_history(run, name):
            yield point.step, name, point.value
