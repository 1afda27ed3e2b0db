"""Values that W&B or MLflow have from the interrupted part of a run, and cannot drop.

A resumed run repeats the rows since its checkpoint. These loggers then get only values they lack.
"""

import json
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from pytorch_lightning.loggers import Logger, MLFlowLogger, WandbLogger

BLOCK = 2**15
HEADER = struct.Struct("<IHB")
"""Checksum, size and kind of a part of a record."""
Kept: TypeAlias = Counter[tuple[int | None, str, float]]
"""How often a logger has a value, by step, name and value."""


def kept_values(logger: Logger, first: int) -> Kept:
    """Return the values that a logger has from a step on; none for a logger of another kind.

    Args:
        logger: the logger, with the id of the interrupted run.
        first: the step.
    """
    if isinstance(logger, MLFlowLogger):
        points = mlflow_points(logger)
    elif isinstance(logger, WandbLogger):
        points = wandb_points(Path(logger.save_dir or "."), str(logger.version))
    else:
        return Counter()
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


def wandb_points(folder: Path, run: str) -> Iterator[tuple[int, str, float]]:
    """Yield step, name and value of each point in the local files of a run.

    After SIGKILL, they lack the last rows.

    Args:
        folder: the folder with that of W&B.
        run: the id of the run.
    """
    from wandb.proto.wandb_internal_pb2 import Record

    for file in sorted(folder.glob(f"wandb/*run-*-{run}/run-{run}.wandb")):
        for content in log_records(file.read_bytes()):
            items = Record.FromString(content).history.item
            row = {i.key or "/".join(i.nested_key): json.loads(i.value_json) for i in items}
            step = row.pop("trainer/global_step", None)
            for name, value in row.items() if step is not None else ():
                if isinstance(value, int | float) and not name.startswith("_"):
                    yield step, name, value


def log_records(data: bytes) -> Iterator[bytes]:
    """Yield the complete records of a file in LevelDB's log format, as W&B writes it.

    Args:
        data: the content: a header of seven bytes, and blocks of `BLOCK` bytes.
    """
    at, record = HEADER.size, b""
    while at + HEADER.size <= len(data):
        if (left := BLOCK - at % BLOCK) < HEADER.size:
            at += left
            continue
        _, size, kind = HEADER.unpack_from(data, at)
        at += HEADER.size + size
        if at > len(data) or not kind:
            return
        record += data[at - size : at]
        if kind in (1, 4):  # a whole record, or its last part
            yield record
            record = b""
