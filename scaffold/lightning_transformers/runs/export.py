"""Export a trained task as a Hugging Face model repository: from Python, from a composed config."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.utils import to_absolute_path
from omegaconf import DictConfig

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.lazy import import_uncollected
from lightning_transformers.base.run_log import log_failure
from lightning_transformers.config.checks import check_config
from lightning_transformers.runs.build import restore
from lightning_transformers.runs.load import find_checkpoint

if TYPE_CHECKING:
    from lightning_transformers.core import TaskTransformer, TransformerDataModule
    from lightning_transformers.reports.model_card import Exported

ONNX_FILE = "onnx/model.onnx"


def export(
    model: TaskTransformer,
    data: TransformerDataModule,
    folder: str | os.PathLike[str],
    *,
    run: str | os.PathLike[str] | None = None,
    adapter: bool = False,
    onnx: bool = False,
    hub_id: str | None = None,
    hub_private: bool = True,
) -> Path:
    """Write a model repository, which `from_pretrained` of transformers reads, and upload it.

        from lightning_transformers import export, load

        task, data = load("outputs/run")
        export(task, data, "my-model", run="outputs/run")

    Args:
        model: the task; an adapter is merged into the exported weights.
        data: its data module, for the tokenizer or image processor.
        folder: gets `model.safetensors`, `config.json`, the files of the processor, and a model
            card, `README.md`.
        run: the run folder or checkpoint of the task, whose data, metrics and settings the card
            then has.
        adapter: write the adapter alone, for peft.
        onnx: write `onnx/model.onnx`, too, checked in onnxruntime.
        hub_id: upload the folder to this repository of the hub, `<user or organization>/<name>`.
        hub_private: whether a new repository is private.

    Returns:
        The folder.

    Raises:
        ConfigurationError: if the folder exists and is not empty, the backbone is quantized, the
            task cannot be exported in this form, or the hub refuses the upload.
    """
    folder = require_empty(folder)
    require_packages(adapter, onnx)
    if model.backbone.quantization:
        raise ConfigurationError(
            f"the backbone is quantized ({model.backbone.quantization}), and an export has the "
            "weights of its files: load the task with load(<run>, quantized=False)"
        )
    from lightning_transformers.base.hub import reserve_repository, upload
    from lightning_transformers.models.onnx import save_onnx  # imports torch
    from lightning_transformers.reports.model_card import write_card

    repository = reserve_repository(hub_id, hub_private) if hub_id else None
    model.attach_data(data)
    processor, difference = data.processor_to_export(), None
    model.save_hf_checkpoint(folder, processor, **({"adapter": True} if adapter else {}))
    if onnx:
        difference = save_onnx(model.model, processor, folder / ONNX_FILE)
    name = repository or folder.name
    write_card(folder, description(model, data, name, run, difference, adapter))
    if repository:
        print(f"Uploaded: {upload(folder, repository)}")
    return folder


def description(
    model: TaskTransformer,
    data: TransformerDataModule,
    name: str,
    run: str | os.PathLike[str] | None,
    onnx: float | None,
    adapter: bool,
) -> Exported:
    """Return the description of an export for its card.

    Args:
        model: the task.
        data: its data module.
        name: name of the repository or folder.
        run: the run folder or checkpoint of the task.
        onnx: difference of the ONNX file from torch; None without one.
        adapter: whether the adapter is alone.
    """
    from lightning_transformers.models.adapters import new_modules
    from lightning_transformers.reports.model_card import Exported
    from lightning_transformers.reports.run_files import RunFiles
    from lightning_transformers.training.checkpoint import read_checkpoint

    checkpoint, found = find_checkpoint(Path(run)) if run else (None, None)
    return Exported(
        name=name,
        auto_class=model.downstream_model_type,
        backbone=model.backbone,
        is_adapter=adapter,
        has_new_head=adapter and bool(new_modules(model.model)),
        onnx=onnx,
        has_pair=bool(getattr(data, "text_pair_column", None)),
        is_chat=bool(getattr(data, "messages_column", None)),
        step=read_checkpoint(str(checkpoint))["global_step"] if found else None,
        run=RunFiles(found) if found else None,
    )


def require_empty(folder: str | os.PathLike[str]) -> Path:
    """Return a folder as a path; it may not exist yet.

    Raises:
        ConfigurationError: if it or a parent is a file, or there is anything in it.
    """
    path = Path(folder)
    for parent in path.parents:
        if parent.is_file():
            raise ConfigurationError(
                f"'{parent}' is a file: give another folder (export_dir=<folder>)"
            )
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        fact = "is not empty" if path.is_dir() else "is a file"
        raise ConfigurationError(f"'{folder}' {fact}: give another folder (export_dir=<folder>)")
    return path


def require_packages(adapter: bool, onnx: bool) -> None:
    """Check that an export to ONNX is possible, before anything is loaded.

    Raises:
        ConfigurationError: if its packages are missing, or the adapter alone is exported.
    """
    if not onnx:
        return
    if adapter:
        raise ConfigurationError(
            "export_onnx=true needs all weights, and export_adapter=true leaves out those of the "
            "backbone: remove one of them"
        )
    from lightning_transformers.models.onnx import require_onnx

    require_onnx()


def is_streamed(path: str) -> bool:
    """Return whether an export reads a part of the weights at a time, of a sharded checkpoint.

    An adapter is merged into all weights.

    Args:
        path: the checkpoint.
    """
    from lightning_transformers.models.sharded_checkpoint import is_sharded
    from lightning_transformers.training.checkpoint import read_checkpoint

    return is_sharded(path) and not read_checkpoint(path).get("hyper_parameters", {}).get("peft")


@log_failure()
def export_from_config(config: DictConfig) -> Path:
    """Export the checkpoint of a composed config into `export_dir`, and return that folder.

    With `hub_id`, the folder is uploaded.

    Raises:
        ConfigurationError: without a checkpoint, if the folder is not empty, for a mistake in the
            config, or if the hub refuses the upload.
    """
    check_config(config, needs_dataset=False)
    if config.checkpoint_path is None:
        raise ConfigurationError("nothing to export: give +checkpoint_path=<file>")
    folder = require_empty(to_absolute_path(config.export_dir))
    # The config of an older project lacks these keys.
    adapter, onnx = config.get("export_adapter", False), config.get("export_onnx", False)
    require_packages(adapter, onnx)
    import_uncollected("lightning_transformers.core")
    from lightning_transformers.models.shard_loading import no_weights  # imports torch
    from lightning_transformers.models.streamed_export import SOURCE

    path = to_absolute_path(config.checkpoint_path)
    streams = not adapter and not onnx and is_streamed(path)
    with no_weights() if streams else nullcontext():
        model, data = restore(config, quantized=False)
    if streams:
        setattr(model.model, SOURCE, path)
    export(
        model,
        data,
        folder,
        run=path,
        adapter=adapter,
        onnx=onnx,
        hub_id=config.get("hub_id"),
        hub_private=config.get("hub_private", True),
    )
    print(f"Model repository: {folder}")
    return folder
