"""Faults in the classes of a project are found from their source, and no others."""

from pathlib import Path

import pytest

from ltscaffold.project.classes.checks import check_class
from ltscaffold.project.classes.configs import check_config
from ltscaffold.project.classes.source import Sources
from ltscaffold.project.diagnostics import Finding

IMPORTS = """\
from collections import defaultdict
from typing import Any, ClassVar

import torch
from pytorch_lightning import Callback

from lightning_transformers import TransformerDataModule
from lightning_transformers.callbacks import EMAWeights
from lightning_transformers.task.nlp.language_modeling import (
    LanguageModelingDataModule,
    LanguageModelingTransformer,
)

"""
TASK, DATA, CALLBACK = "LanguageModelingTransformer", "LanguageModelingDataModule", "Callback"
MODULE, CONFIG = "tasks/mine.py", "conf/mine.yaml"


def findings(
    project: Path, base: str, body: str, config: str = "", more: str = ""
) -> list[Finding]:
    """Return the findings in a class with a body, and in a config that names it."""
    (project / "tasks").mkdir()
    lines = "".join(f"    {line}\n" for line in body.strip("\n").split("\n"))
    (project / MODULE).write_text(f"{IMPORTS}{more}\nclass Mine({base}):\n{lines}")
    sources = Sources(project)
    found = [
        each for owner in sources.classes(MODULE) for each in check_class(sources, MODULE, owner)
    ]
    content = f"_target_: tasks.mine.Mine\n{config}".encode()
    return [*found, *check_config(sources, CONFIG, content)]


FAULTS: dict[str, tuple[str, str, str, str]] = {
    # base, code, the line that it is at, what the message has
    "def on_train_epoch_ends(self): super().on_train_epoch_end()": (
        TASK, "unknown-hook", "on_train_epoch_ends(self)", "did you mean on_train_epoch_end?"),
    "def on_validation_epoch_ends(self): ...": (
        CALLBACK, "unknown-hook", "def", "did you mean on_validation_epoch_end?"),
    "def on_something_else(self, more): ...": (
        TASK, "unknown-hook", "def", "nothing calls on_something_else"),
    "def configure_optimizer(self): return super().configure_optimizers()": (
        TASK, "unknown-hook", "def", "did you mean configure_optimizers?"),
    "def train_step(self, batch, batch_idx): return self(batch).loss": (
        TASK, "unknown-hook", "def", "did you mean training_step?"),
    "def val_step(self, batch, batch_idx): self.log('val/loss', self(batch).loss)": (
        TASK, "unknown-hook", "def", "did you mean validation_step?"),
    "def eval_step(self, batch, batch_idx): ...": (
        TASK, "unknown-hook", "def", "did you mean validation_step?"),
    "def val_epoch_end(self): super().on_validation_epoch_end()": (
        TASK, "unknown-hook", "def", "did you mean on_validation_epoch_end?"),
    "def config_optim(self): return super().configure_optimizers()": (
        TASK, "unknown-hook", "def", "did you mean configure_optimizers?"),
    "def on_val_epoch_end(self, trainer, pl_module): ...": (
        CALLBACK, "unknown-hook", "def", "did you mean on_validation_epoch_end?"),
    "def training_dataloader(self): return super().train_dataloader()": (
        DATA, "unknown-hook", "def", "did you mean train_dataloader?"),
    "@property\ndef colate_fn(self): return torch.stack": (
        DATA, "unknown-hook", "def", "did you mean collate_fn?"),
    "def process_splits(self, split, rows): return rows": (
        DATA, "unknown-hook", "def", "did you mean process_split?"),
    "def training_step(self, batch, batch_idx):\n    loss = self(batch).loss": (
        TASK, "missing-return", "def", "training_step returns nothing, and must return Tensor"),
    "async def training_step(self, batch, batch_idx): return self(batch).loss": (
        TASK, "async-method", "async def", "nothing awaits training_step; remove async"),
    "def build_model(self):\n    def inner(): return 1\n    return": (
        TASK, "missing-return", "def build", "must return PreTrainedModel"),
    "def on_after_batch_transfer(self, batch, dataloader_idx): batch.clear()": (
        TASK, "missing-return", "def", "must return Any"),
    "def process_split(self, split, rows):\n    rows.map(len)": (
        DATA, "missing-return", "def", "process_split returns nothing"),
    "def state_dict(self): self.count": (CALLBACK, "missing-return", "def", "must return dict"),
    "def configure_callbacks(self):\n    callbacks = []\n    return callbacks": (
        TASK, "missing-super", "def", "call super().configure_callbacks(...)"),
    "def __init__(self, *args, **kwargs):\n    self.more = 1": (
        TASK, "missing-super", "def", "__init__"),
    "def on_save_checkpoint(self, checkpoint):\n    checkpoint['mine'] = 1": (
        TASK, "missing-super", "def", "drops TaskTransformer.on_save_checkpoint"),
    "def on_validation_epoch_end(self): self.log('mine', 1.0)": (
        TASK, "missing-super", "def", "on_validation_epoch_end"),
    "def setup(self, stage): self.words = 1": (DATA, "missing-super", "def", "setup"),
    "def on_validation_epoch_end(self, trainer, pl_module): ...\ncount = 0": (
        "EMAWeights", "missing-super", "def", "drops EMAWeights.on_validation_epoch_end"),
    "def common_step(self, prefix, batch): return self(batch).loss": (
        TASK, "former-method", "def", "nothing calls common_step any more; override shared_step"),
    "@staticmethod\ndef convert_to_features(rows, **kwargs): return rows": (
        DATA, "former-method", "def", "override process_split"),
    "def process_data(self, dataset, stage=None): return super().process_data(dataset)": (
        DATA, "former-method", "def", "define process_data(self, dataset)"),
    "def __init__(self, *args, downstream_model_type='x', **kwargs):\n"
    "    super().__init__(downstream_model_type, *args, **kwargs)": (
        TASK, "former-method", "def", "set default_model_type"),
    "words: list[str] = ['a']": (TASK, "mutable-default", "words", "words = ['a'] in the class"),
    "seen = {}": (DATA, "mutable-default", "seen", "seen = {}"),
    "counts = defaultdict(int)": (CALLBACK, "mutable-default", "counts", "shared by all"),
    "rates: dict[str, float] = dict(head=1.0)": (TASK, "mutable-default", "rates", "shared"),
    "losses = [0.0]\ndef on_fit_end(self): self.losses.append(1.0)": (
        TASK, "mutable-default", "losses", "shared"),
    "def __init__(self, epochs=[1]): self.epochs = epochs": (
        CALLBACK, "mutable-default", "def", "an argument of __init__"),
}  # fmt: skip


@pytest.mark.parametrize("body", FAULTS)
def test_fault_is_found_at_its_line(body: str, tmp_path: Path) -> None:
    base, code, at, message = FAULTS[body]
    (found,) = findings(tmp_path, base, body)
    assert (found.code, found.path) == (code, MODULE)
    assert at in (tmp_path / MODULE).read_text().splitlines()[found.line - 1]
    assert message in found.message


KEYS: dict[tuple[str, str, str], tuple[str, str, int]] = {
    (TASK, "noise_std: float = 0.1", "noize_std: 1"): ("unknown-key", "mean 'noise_std'?", 2),
    (TASK, "noise_std = 0.1", "noise_std: 1"): ("hyperparameter", f"so {CONFIG}:2 cannot", 16),
    (TASK, "noise_std: ClassVar = 0.1", "noise_std: 1"): ("unknown-key", "noise_std", 2),
    (DATA, "block: int = 1", "batch_size: 1\nblok: 2"): ("unknown-key", "mean 'block'?", 3),
    (TASK, "noise: int = 1", "noise: {_target_: tasks.mine.Nine.create}"): (
        "target",
        "tasks.mine.Nine does not exist",
        2,
    ),
    (TASK, "noise: int = 1", "noise: [{_target_: tasks.mine.Nine}]"): (
        "target",
        "tasks.mine has no Nine",
        2,
    ),
    (TASK, "noise: int = 1", "noise: 1\n? [a, b]\n: 2"): ("yaml-error", "unhashable key", 3),
    (TASK, "noise: int = 1", "noise: &noise [*noise]"): ("yaml-error", "recursive node", 2),
    (CALLBACK, "every = 1", "every: 2"): ("unknown-key", "an argument of __init__", 2),
    (CALLBACK, "every: int = 1", "every: 2"): ("unknown-key", "an argument of __init__", 2),
    (CALLBACK, "def __init__(self, every): ...", "evry: 2"): ("unknown-key", "mean 'every'?", 2),
}


@pytest.mark.parametrize(("base", "body", "config"), KEYS)
def test_key_that_the_class_lacks(base: str, body: str, config: str, tmp_path: Path) -> None:
    code, message, line = KEYS[base, body, config]
    (found,) = findings(tmp_path, base, body, config)
    assert (found.code, found.line) == (code, line)
    assert message in found.message


LEGITIMATE: dict[str, tuple[str, str]] = {
    # base, config
    "def noise(self): ...\ndef on_fit_start(self): self.noise()": (TASK, ""),
    "def compute_losses(self, batch): ...\ndef forward(self, batch): return self.compute_losses(1)":
        (TASK, ""),
    "def predict_text(self, text): return self.predict([text])": (TASK, ""),
    "def val_step(self, a, b, c, d): ...\ndef loss(self): ...\ndef set(self, stage): ...":
        (TASK, ""),
    "def state_dict(self, *args, **kwargs): return super().state_dict(*args, **kwargs)": (TASK, ""),
    "def training_step(self, batch, batch_idx): return super().training_step(batch, batch_idx)":
        (TASK, ""),
    "def training_step(self, batch, batch_idx):\n    if batch:\n        with torch.no_grad():\n"
    "            return 1": (TASK, ""),
    "def __init__(self, *args, **kwargs):\n    super().__init__(*args, **kwargs)\n"
    "    self.automatic_optimization = False\n"
    "def training_step(self, batch, batch_idx): self.manual_backward(1)": (TASK, "optimizer: {}"),
    "def training_step(self, batch, batch_idx): raise NotImplementedError": (TASK, ""),
    "def predict_batches(self, inputs, batch_size): yield 1": (DATA, ""),
    "def configure_callbacks(self):\n"
    "    return [*super().configure_callbacks(), *(EMAWeights(x) for x in (0.1, 0.2))]": (TASK, ""),
    "def validation_step(self, batch, batch_idx): self.log('val/loss', self(batch).loss)\n"
    "def on_validation_epoch_end(self): ...": (TASK, ""),
    "def setup(self, stage): self.dataset = self.load_dataset()": (DATA, ""),
    "def setup(self, stage): LanguageModelingDataModule.setup(self, stage)": (DATA, ""),
    "def setup(self, stage): ...": (TASK, ""),
    "WORDS = ['a']\nwords = ['a', 'b']\nnames: ClassVar[dict[str, str]] = {}\npair: tuple = ()":
        (TASK, "pair: [1]"),
    "history = []\ndef __init__(self, *args, **kwargs):\n    super().__init__(*args, **kwargs)\n"
    "    self.history = []": (TASK, "backbone: x"),
    "sample_files = {}": (DATA, "batch_size: 2\n_convert_: all\ndefaults: []"),
    "noise: float = 0.1\nnum_workers = 2": (DATA, "noise: 0.2\nnum_workers: 1"),
    "def __init__(self, *args, **kwargs):\n    self.rate = kwargs.pop('rate')\n"
    "    super().__init__(*args, **kwargs)": (TASK, "rate: 1"),
    "@property\ndef size(self): return 1\n@size.setter\ndef size(self, value): self._size = value":
        (TASK, ""),
    "on_cuda: bool = False\n@property\ndef on_tpus(self): return self.on_cuda": (TASK, ""),
}  # fmt: skip


@pytest.mark.parametrize("body", LEGITIMATE)
def test_legitimate_code_has_no_finding(body: str, tmp_path: Path) -> None:
    assert not findings(tmp_path, LEGITIMATE[body][0], body, LEGITIMATE[body][1])


@pytest.mark.parametrize(
    ("base", "config", "more"),
    [
        (TASK, "<<: {noise: 2.0}", ""),
        (TASK, "noise: {_target_: tasks.mine.Mine.create}", ""),
        (TASK, "noise: {_target_: tasks.mine.create}", "from tasks.other import *"),
        (CALLBACK, "noise: 2.0", "@dataclass"),
    ],
)
def test_legitimate_config_has_no_finding(
    base: str, config: str, more: str, tmp_path: Path
) -> None:
    assert not findings(tmp_path, base, "noise: float = 0.1", config, more)


def test_base_that_is_not_found_leaves_its_part_open(tmp_path: Path) -> None:
    """Its methods and hyperparameters are unknown, as is what it calls."""
    body = "def on_train_epoch_ends(self): ...\ndef training_step(self, batch, batch_idx): ..."
    more = "from elsewhere import Mixin\n"
    (found,) = findings(tmp_path, f"Mixin, {TASK}", body, "more: 1", more)
    assert found.code == "missing-return"


def test_class_of_no_component_has_no_finding(tmp_path: Path) -> None:
    assert not findings(tmp_path, "dict", "seen = {}\ndef on_start(self): ...", "more: 1")
