"""What a run is made from: code, data, pretrained files."""

import sys
import sysconfig
from pathlib import Path
from typing import Any

from datasets import Dataset
from hydra.utils import to_absolute_path
from omegaconf import DictConfig

import lightning_transformers
from lightning_transformers.core import TaskTransformer, TransformerDataModule
from lightning_transformers.core.resources import local_path
from lightning_transformers.manifest.digests import digest_of, digest_of_all, digest_of_rows

RUNTIME = Path(lightning_transformers.__file__).parent
INSTALLED = [Path(path).resolve() for path in {*sysconfig.get_paths().values(), sys.prefix}]
"""Folders of code that changes with its version alone."""


def code(directory: Path) -> dict[str, str | None]:
    """Return a digest of each module of one's own that is imported, and of this package.

    A module is one's own if it is neither installed nor part of Python. It is called by its path,
    below the directory a relative one.
    """
    files = [
        Path(file).resolve() for module in list(sys.modules.values()) if (file := _file(module))
    ]
    own = sorted({file for file in files if file.is_file() and not _is_installed(file)})
    return {"lightning_transformers": runtime()} | {
        shown(file, directory): digest_of(file) for file in own
    }


def code_now(recorded: dict[str, str | None], directory: Path) -> dict[str, str | None]:
    """Return the digests of the files of a record as they are now; nothing is imported."""
    names = [name for name in recorded if name != "lightning_transformers"]
    return {"lightning_transformers": runtime()} | {
        name: digest_of(directory / name) for name in names
    }


def runtime() -> str:
    """Return a digest of the code of this package."""
    return digest_of_all(RUNTIME, sorted(RUNTIME.rglob("*.py")))


def shown(file: Path, directory: Path) -> str:
    """Return a path as it is recorded."""
    return str(file.relative_to(directory) if file.is_relative_to(directory) else file)


def _file(module: Any) -> str | None:
    file = getattr(module, "__file__", None)
    is_code = getattr(module, "__name__", "__main__") != "__main__"
    return file if is_code and file and file.endswith(".py") else None


def _is_installed(file: Path) -> bool:
    return any(file.is_relative_to(folder) for folder in [*INSTALLED, RUNTIME])


def data_of(data: TransformerDataModule) -> dict[str, dict[str, Any]]:
    """Return for each split where its rows come from, how many there are, and a digest.

    The digest is that of the files that the split is read from, else of its rows as the model
    gets them. A stream that comes from no file has none.
    """
    assert data.dataset is not None, "setup comes first"
    return {split: _split(data, split, rows) for split, rows in data.dataset.items()}


def _split(data: TransformerDataModule, split: str, rows: Any) -> dict[str, Any]:
    files = [Path(to_absolute_path(file)) for file in data.files_of(split)]
    is_stream = not isinstance(rows, Dataset)
    if len(files) == 1:
        digest = digest_of(files[0])
    elif files:
        digest = digest_of_all(files[0].parent, files)
    else:
        digest = None if is_stream else digest_of_rows(rows)
    hub = ":".join(filter(None, [data.dataset_name, data.dataset_config_name, data.revision]))
    return {
        "source": data.named_files().get(split) or hub or "held out",
        "rows": None if is_stream else len(rows),
        "digest": digest,
    }


def inputs(config: DictConfig, model: TaskTransformer) -> dict[str, str | None]:
    """Return what tells the content of the backbone, the tokenizer and the checkpoint.

    For a file or a folder a digest, for a model of the hub its commit.
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
