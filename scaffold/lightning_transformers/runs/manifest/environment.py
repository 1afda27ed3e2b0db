"""The environment of a run: versions, machine, devices."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Trainer

from lightning_transformers.base.run_folder import JOB_LOG, STACK
from lightning_transformers.data.source_code import distributions


def versions() -> dict[str, str | None]:
    """Return the versions of Python, the stack, and all imported packages."""
    modules = {name.partition(".")[0] for name in sys.modules}
    owners = distributions()
    imported = {name for module in modules for name in owners.get(module, ())}
    return versions_of([*STACK, *sorted(imported - {*STACK})])


def versions_of(names: list[str]) -> dict[str, str | None]:
    """Return the installed version of each package, None for one that is not installed."""
    return {
        name: platform.python_version() if name == "python" else _version(name) for name in names
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def machine() -> dict[str, str]:
    """Return `system`, `processor` and `instructions`: the last bits of a sum depend on them."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "system": " ".join([platform.system(), platform.machine(), *platform.libc_ver()]).strip(),
        "processor": models[0] if models else platform.processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
    }


def training(trainer: Trainer) -> dict[str, str | int]:
    """Return `threads`, `device`, `processes`, `nodes` and `strategy` of a trainer."""
    device = trainer.strategy.root_device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return {
        "threads": torch.get_num_threads(),
        "device": name,
        "processes": trainer.world_size,
        "nodes": trainer.num_nodes,
        "strategy": type(trainer.strategy).__name__,
    }


def job() -> dict[str, str | int | None] | None:
    """Return the job of SLURM that this process belongs to, None outside of one.

    Returns:
        `id`, that of an array with the number in it; `nodes`, the list of their names; `restarts`,
        how often it was requeued; `log`, the path of the log, None if `cluster=slurm` has not
        submitted it.
    """
    number = os.environ.get("SLURM_JOB_ID")
    if number is None:
        return None
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    return {
        "id": f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}" if array else number,
        "nodes": os.environ.get("SLURM_JOB_NODELIST"),
        "restarts": int(os.environ.get("SLURM_RESTART_COUNT", "0")),
        "log": os.environ.get(JOB_LOG),
    }


def environment(trainer: Trainer) -> dict[str, Any]:
    """Return `command`, `versions`, `machine` and `training`, as a manifest has them."""
    return {
        "command": sys.argv,
        "versions": versions(),
        "machine": machine(),
        "training": training(trainer),
    }
