"""The inputs of a run: data, pretrained files, a checkpoint."""

import os
from pathlib import Path
from typing import Any

from datasets import Dataset
from hydra.utils import to_absolute_path
from omegaconf import DictConfig

from lightning_transformers.base.package_data import local_path
from lightning_transformers.core import TaskTransformer, TransformerDataModule
from lightning_transformers.data.reading.copies import version_of
from lightning_transformers.data.reading.names import names_in
from lightning_transformers.runs.manifest.digests import digest_of, digest_of_all, digest_of_rows


def data_of(data: TransformerDataModule) -> dict[str, dict[str, Any]]:
    """Return the origin of each split that is set up, by its name.

    Returns:
        For each split `source`; `rows`, their number, None for a stream; `digest`, of its files, or
        without files of its processed rows, None for a stream without files; for several files
        `files`, the digest of each; and for URLs `urls`, the version of each, such as its ETag, or
        None. A split that is not in `data.dataset` is left out.
    """
    return {split: _split(data, split, rows) for split, rows in (data.dataset or {}).items()}


def _split(data: TransformerDataModule, split: str, rows: object) -> dict[str, Any]:
    files = [Path(to_absolute_path(file)) for file in data.files_of(split)]
    if len(files) == 1:
        digest = digest_of(files[0])
    elif files:
        digest = digest_of_all(files[0].parent, files)
    else:
        digest = digest_of_rows(rows) if isinstance(rows, Dataset) else None
    entry: dict[str, Any] = {
        "source": _source(data, split),
        "rows": len(rows) if isinstance(rows, Dataset) else None,
        "digest": digest,
    }
    named = TransformerDataModule.files_of(data, split)  # without the images that rows refer to
    if len(named) > 1:
        folder = os.path.commonpath(named)
        entry["files"] = {os.path.relpath(file, folder): digest_of(Path(file)) for file in named}
    if urls := data.urls_of(split):
        entry["urls"] = {url: version_of(url) for url in urls}
    return entry


def _source(data: TransformerDataModule, split: str) -> str:
    if files := data.named_files():
        return ", ".join(names_in(files.get(split, "held out")))
    hub = [data.dataset_name, data.dataset_config_name, data.revision]
    return ":".join(filter(None, hub)) or type(data).__name__


def inputs(config: DictConfig, model: TaskTransformer) -> dict[str, str | None]:
    """Return the versions of the backbone, the tokenizer and the checkpoint, by name or path.

    Args:
        config: the composed config, which may name a checkpoint.
        model: the task, which has the names of backbone and tokenizer.

    Returns:
        For a file or a folder its digest, for a model on the hub its commit, else None.
    """
    backbone = model.backbone
    names = {backbone.pretrained_model_name_or_path, backbone.tokenizer_name_or_path}
    names.add(config.get("checkpoint_path"))
    found = {}
    for name in sorted(filter(None, names)):
        path = Path(to_absolute_path(local_path(name)))
        found[name] = digest_of(path) if path.exists() else None
    if found[backbone.pretrained_model_name_or_path] is None:
        commit = getattr(model.model.config, "_commit_hash", None)
        found[backbone.pretrained_model_name_or_path] = commit
    return found
