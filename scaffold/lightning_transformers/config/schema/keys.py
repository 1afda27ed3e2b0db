"""Keys of the config that no class takes: top level, `cluster`, `repeat` and `training`."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt

from lightning_transformers.base.value_types import Seed, Workers


@dataclass
class TopLevel:
    """Keys of `config.yaml` besides the groups."""

    checkpoint_path: str | None = None
    """Checkpoint to resume, evaluate, predict with or export."""
    resume: Literal["auto"] | None = None
    """Whether to resume from the newest checkpoint in the run folder."""
    x: Any = None
    """Text, image or mapping to predict on."""
    output_file: str | None = None
    """File for the predictions on `dataset.predict_file`: csv, jsonl or parquet."""
    export_dir: str = "exported"
    """Folder to export to."""
    export_adapter: bool = False
    """Whether to export an adapter alone, for peft; otherwise merged into the weights."""
    export_onnx: bool = False
    """Whether to export ONNX, too."""
    hub_id: str | None = None
    """Repository on the Hugging Face hub to upload the export to, `<user>/<name>`."""
    hub_private: bool = True
    """Whether a new repository on the hub is private."""


@dataclass
class Repeat:
    """The keys below `repeat`."""

    seeds: Annotated[int, Field(ge=2)] | None = None
    """Number of runs with different seeds, from `training.seed` on."""
    folds: Annotated[int, Field(ge=2)] | None = None
    """Number of parts of the training set, each of which is the validation set of a run."""
    group: str | None = None
    """With folds: column whose rows with the same value are in the same fold."""


@dataclass
class Training:
    """The group `training`."""

    seed: Seed = 0
    """Seed of all random numbers."""
    batch_size: PositiveInt = 16
    """Rows in a batch, per device."""
    num_workers: Workers = 0
    """Dataloader processes per device."""
    validate_before_fit: bool = False
    """Whether to log the validation metrics of the untrained model."""
    run_test_after_fit: bool = False
    """Whether to evaluate the best checkpoint on the test or validation set."""
    nan_patience: Annotated[int, Field(ge=0)] | None = 3
    """Steps in a row without a finite loss after which a run ends; null or 0: never."""
    async_checkpoints: bool = False
    """Whether training continues while checkpoints are written, from a copy in memory."""
    keep_state: bool | Literal["auto"] = "auto"
    """Whether a run that has ended keeps the state from which it is extended; auto: not in a
    multirun."""
    select: str = "val/loss"
    """Metric that selects the best checkpoint, and that other callbacks and schedules monitor."""
    run_dir: str = ""
    """Folder of the run."""


@dataclass
class Cluster:
    """The group `cluster`: the resources of a job."""

    nodes: PositiveInt = 1
    """Number of nodes."""
    gpus: Annotated[int, Field(ge=0)] = 0
    """GPUs per node, each with a process of its own."""
    cpus: PositiveInt | None = None
    """Cores per process; null: the default of the cluster."""
    memory: PositiveInt | None = None
    """Memory per node in GB; null: the default of the cluster."""
    time: PositiveInt = 60
    """Time limit in minutes, after which a training is requeued and resumes."""
    partition: str | None = None
    """Partition; null: the default of the cluster."""
    account: str | None = None
    """Account that is charged."""
    qos: str | None = None
    """Quality of service."""
    signal: PositiveInt = 120
    """Seconds before the time limit in which the run is saved."""
    options: dict[str, Any] = field(default_factory=dict)
    """Further options of sbatch by name: `+cluster.options.constraint=a100`."""
