"""Run folders as a training leaves them, without one."""

import os
from pathlib import Path
from typing import Any

import yaml

from lightning_transformers.base.run_folder import CHECKPOINTS, CONFIG, MANIFEST, REQUIRED_KEYS


def run_folder(
    folder: Path, *overrides: str, settings: dict[str, Any] | None = None, **manifest: Any
) -> Path:
    """Write a run folder with `best.ckpt` (300 bytes) and a newer `last.ckpt` (1,000 bytes).

    Args:
        folder: its path.
        overrides: those of its command.
        settings: its config.
        manifest: keys of its manifest beside the required ones; by default it has finished.
    """
    (folder / CHECKPOINTS).mkdir(parents=True)
    content = dict.fromkeys(REQUIRED_KEYS) | {"command": ["train.py", *overrides]}
    content |= {"status": "finished"} | manifest
    (folder / MANIFEST).write_text(yaml.safe_dump(content))
    (folder / CONFIG).write_text(yaml.safe_dump(settings or {}))
    for age, (name, size) in enumerate({"last": 1000, "best": 300}.items()):
        file = folder / CHECKPOINTS / f"{name}.ckpt"
        file.write_bytes(b"0" * size)
        os.utime(file, (1e9 - age, 1e9 - age))
    return folder


def best(score: float, monitor: str = "val/loss", **more: str) -> dict[str, Any]:
    """Return the `best` of a manifest."""
    name = f"{CHECKPOINTS}/best.ckpt"
    return {"monitor": monitor, "score": score, "step": 5, "checkpoint": name} | more
