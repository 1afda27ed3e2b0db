"""Effects of the callbacks, and checkpoints saved with them."""

from collections.abc import Mapping
from itertools import chain, count, pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor, nn
from torch.utils.data import DataLoader

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.callbacks import (
    CompileModel,
    EMAWeights,
    EpochStatistics,
    FreezeEmbeddings,
    GradientCheckpointing,
    GradualUnfreezing,
    LossCurve,
    MagnitudePruning,
    Throughput,
    epoch_statistics,
    throughput,
)
from lightning_transformers.callbacks.gradual_unfreezing import units_from_the_head
from lightning_transformers.config.compose import compose
from lightning_transformers.config.config_tree import PACKAGED_CONFIGS
from lightning_transformers.models.layers import transformer_layers
from lightning_transformers.runs.build import seed_everything
from lightning_transformers.runs.monitors import callbacks_with_modes
from lightning_transformers.runs.train import train
from lightning_transformers.task.nlp.language_modeling import (
    LanguageModelingDataModule,
    LanguageModelingTransformer,
)
from tests.helpers.language_modeling import BACKBONE, TOKENIZER, trainer
from tests.helpers.tiny import ARCHITECTURES

NO_DROPOUT = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
ADAMW = {"_target_": "torch.optim.AdamW", "lr": 3e-3, "weight_decay": 0.1}
LAYER = "model.transformer.h.{}.mlp.c_fc.weight"
EMBEDDING = "model.transformer.wte.weight"
STEPS = 4


def task(**config: Any) -> LanguageModelingTransformer:
    """Return a tiny model whose training depends on nothing but its data."""
    seed_everything(0)
    backbone = BACKBONE | {"config": NO_DROPOUT | {"tie_word_embeddings": False} | config}
    return LanguageModelingTransformer(backbone, optimizer=ADAMW)


class InOrderSampler(LanguageModelingDataModule):
    """Has the same batches in every epoch."""

    def train_dataloader(self) -> DataLoader[Any]:
        """Return the batches in the order of the file."""
        self.setup("fit")
        assert self.dataset is not None
        return DataLoader(self.dataset["train"], self.batch_size, collate_fn=self.collate_fn)


def data() -> InOrderSampler:
    """Return batches of 4 full blocks, and of no documents: their check calls the model, too."""
    values: dict[str, Any] = {"block_size": 64, "batch_size": 4, "limit_train_samples": 60}
    return InOrderSampler(TOKENIZER, dataset_name="sample", packing="blocks", **values)


def values(module: nn.Module) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in module.named_parameters()}


class Recorder(Callback):
    """Keeps the weights before the first step and after each, and what was logged."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.weights = [values(pl_module)]
        self.logged: list[Mapping[str, Tensor]] = []

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.weights.append(values(pl_module))
        self.logged.append(dict(trainer.callback_metrics))


def fit(module: LightningModule, folder: Path, *callbacks: Callback, **arguments: Any) -> Recorder:
    """Train a few steps and return their record."""
    recorder = Recorder()
    limits = {"limit_train_batches": STEPS, "limit_val_batches": 1, "log_every_n_steps": 1}
    run = trainer(folder, callbacks=[*callbacks, recorder], **limits | arguments)
    train(module, data(), run)
    return recorder


def steps_that_moved(recorder: Recorder, name: str) -> list[bool]:
    weights = [step[name] for step in recorder.weights]
    return [not torch.equal(a, b) for a, b in pairwise(weights)]


@pytest.mark.parametrize("tied", [False, True])
def test_frozen_embeddings_are_bit_equal(tied: bool, tmp_path: Path) -> None:
    recorder = fit(task(tie_word_embeddings=tied), tmp_path, FreezeEmbeddings())
    assert steps_that_moved(recorder, EMBEDDING) == [False] * STEPS
    assert steps_that_moved(recorder, LAYER.format(0)) == [True] * STEPS
    assert steps_that_moved(fit(task(), tmp_path), EMBEDDING) == [True] * STEPS


def test_a_fit_that_logs_no_step_has_a_curve_of_its_validation(tmp_path: Path) -> None:
    curve = LossCurve(str(tmp_path / "curve.png"))
    fit(task(), tmp_path, curve, Throughput(peak_flops=1e9), log_every_n_steps=0)
    assert not curve.points["train/loss"]
    assert curve.points["val/loss"]
    assert (tmp_path / "curve.png").exists()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("tied", [False, True])
def test_units_are_all_parameters_from_the_head_down(architecture: str, tied: bool) -> None:
    model = ARCHITECTURES[architecture](tie_word_embeddings=tied)
    names = {id(p): name for name, p in model.named_parameters()}
    units = [[names[id(p)] for p in unit] for unit in units_from_the_head(model)]
    assert sorted(chain.from_iterable(units)) == sorted(names.values())
    assert len(units) == len(transformer_layers(model)) + 2
    head = model.get_output_embeddings().weight
    assert any(name == names[id(head)] for name in units[-1 if head is embedding(model) else 0])
    assert names[id(embedding(model))] in units[-1]
    for unit, layer in zip(units[1:-1], reversed(transformer_layers(model)), strict=True):
        assert {names[id(p)] for p in layer.parameters()} <= set(unit)


def embedding(model: Any) -> Tensor:
    weight = model.get_input_embeddings().weight
    assert isinstance(weight, Tensor)
    return weight


def test_layers_move_from_their_time_on(tmp_path: Path) -> None:
    recorder = fit(task(), tmp_path, GradualUnfreezing(every_n_steps=1))
    assert steps_that_moved(recorder, "model.lm_head.weight") == [True, True, True, True]
    assert steps_that_moved(recorder, LAYER.format(1)) == [False, True, True, True]
    assert steps_that_moved(recorder, LAYER.format(0)) == [False, False, True, True]
    assert steps_that_moved(recorder, EMBEDDING) == [False, False, False, True]
    by_epoch = {"max_epochs": 2, "limit_train_batches": 2}
    recorder = fit(task(), tmp_path, GradualUnfreezing(), **by_epoch)
    assert steps_that_moved(recorder, LAYER.format(1)) == [False, False, True, True]
    assert steps_that_moved(recorder, LAYER.format(0)) == [False] * 4


def test_the_average_is_that_of_the_formula_and_validation_uses_it(tmp_path: Path) -> None:
    module = task(tie_word_embeddings=True)
    checkpoint = ModelCheckpoint(tmp_path, filename="best", monitor="val/loss")
    arguments = {"enable_checkpointing": True, "accumulate_grad_batches": 2}
    recorder = fit(module, tmp_path, EMAWeights(decay=0.7), checkpoint, **arguments)
    assert steps_that_moved(recorder, EMBEDDING) == [False, True] * 2
    expected = recorder.weights[0]
    for weights in recorder.weights[2::2]:
        expected = {name: 0.7 * expected[name] + 0.3 * weights[name] for name in weights}
    torch.testing.assert_close(values(module), expected)
    saved = torch.load(checkpoint.best_model_path, weights_only=True)
    for name in ("model.transformer.wte.weight", "model.lm_head.weight"):
        torch.testing.assert_close(saved["state_dict"][name], expected[EMBEDDING])
    torch.testing.assert_close(saved["training_weights"], recorder.weights[-1])
    (averaged,) = trainer(tmp_path, limit_val_batches=1).validate(module, data(), verbose=False)
    assert averaged["val/loss"] == pytest.approx(float(saved_metric(checkpoint)), rel=1e-5)
    module.load_state_dict(recorder.weights[-1], strict=False)
    (latest,) = trainer(tmp_path, limit_val_batches=1).validate(module, data(), verbose=False)
    assert latest["val/loss"] != pytest.approx(averaged["val/loss"], rel=1e-4)


def saved_metric(checkpoint: ModelCheckpoint) -> Tensor:
    assert checkpoint.best_model_score is not None
    return checkpoint.best_model_score


def test_pruning_an_adapter_is_refused(tmp_path: Path) -> None:
    """It would leave the half of it at zero that begins there."""
    module = LanguageModelingTransformer(BACKBONE, peft={"_target_": "peft.LoraConfig", "r": 4})
    with pytest.raises(ConfigurationError, match=r"does not work with an adapter.*peft=none"):
        fit(module, tmp_path, MagnitudePruning())


def test_pruned_weights_stay_zero(tmp_path: Path) -> None:
    module, checkpoint = task(), ModelCheckpoint(tmp_path, filename="best", monitor="val/loss")
    arguments = {"enable_checkpointing": True}
    recorder = fit(module, tmp_path, MagnitudePruning(amount=0.3), checkpoint, **arguments)
    matrices = [
        f"model.{name}"
        for name, p in module.model.named_parameters()
        if ".h." in name and p.ndim == 2
    ]
    saved = torch.load(checkpoint.best_model_path, weights_only=True)["state_dict"]
    for weights in (recorder.weights[0], recorder.weights[-1], saved):
        together = torch.cat([weights[name].flatten() for name in matrices])
        assert (together == 0).float().mean().item() == pytest.approx(0.3, abs=1e-4)
        assert (weights[EMBEDDING] != 0).all()
    original = torch.cat([values(task())[name].flatten() for name in matrices]).abs()
    pruned = torch.cat([recorder.weights[0][name].flatten() for name in matrices]) == 0
    assert original[pruned].max() < original[~pruned].min()
    assert all(steps_that_moved(recorder, name) == [True] * STEPS for name in matrices)


@pytest.mark.parametrize(
    "callbacks",
    [
        [GradualUnfreezing(every_n_steps=3)],
        [EMAWeights(decay=0.7)],
        [EMAWeights(decay=0.7), MagnitudePruning(), GradualUnfreezing()],
    ],
    ids=lambda callbacks: "-".join(type(callback).__name__ for callback in callbacks),
)
def test_a_resumed_run_ends_where_one_without_a_break_does(
    callbacks: list[Callback], tmp_path: Path
) -> None:
    whole = task()
    fit(whole, tmp_path, *callbacks, max_epochs=2)
    checkpoint = ModelCheckpoint(tmp_path, filename="first")
    fit(task(), tmp_path, *callbacks, checkpoint, max_epochs=1, enable_checkpointing=True)
    resumed = task(initializer_range=0.5)
    limits = {"limit_train_batches": STEPS, "limit_val_batches": 1, "max_epochs": 2}
    run = trainer(tmp_path, callbacks=callbacks, **limits)
    train(resumed, data(), run, checkpoint_path=checkpoint.best_model_path)
    torch.testing.assert_close(values(resumed), values(whole), rtol=0, atol=0)


def test_checkpointed_gradients_are_the_same(tmp_path: Path) -> None:
    calls: list[Tensor] = []
    module = task()
    layer = transformer_layers(module.model)[0]
    layer.get_submodule("mlp").register_forward_pre_hook(lambda _, inputs: calls.append(inputs[0]))
    recorder = fit(module, tmp_path, GradientCheckpointing(), limit_val_batches=0)
    assert len(calls) == 1 + 2 * STEPS, "the first is that of the check whether it is causal"
    plain = fit(task(), tmp_path, limit_val_batches=0)
    torch.testing.assert_close(recorder.weights[-1], plain.weights[-1])


def test_a_compiled_model_trains_the_same_under_the_same_names(tmp_path: Path) -> None:
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    compiled, plain = task(), task()
    ema = EMAWeights(decay=0.5)
    limits = {"limit_train_batches": 1, "limit_val_batches": 0}
    recorder = fit(compiled, tmp_path, CompileModel(backend="eager"), ema, **limits)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0
    reference = fit(plain, tmp_path, **limits)
    torch.testing.assert_close(recorder.weights[-1], reference.weights[-1])
    assert compiled.state_dict().keys() == plain.state_dict().keys()


def test_throughput_is_over_the_steps_since_it_was_last_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After n forwards it is n² o'clock here; the first batch and the validation do not count.

    Nor does the forward of the check whether the model is causal, which comes first.
    """
    monitor, module, forwards = Throughput(peak_flops=1e9), task(), count(0)
    clock = [0]
    module.model.register_forward_pre_hook(lambda *_: clock.insert(0, next(forwards) ** 2))
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: clock[0])
    limits = {"limit_train_batches": 9, "val_check_interval": 7, "log_every_n_steps": 3}
    recorder = fit(module, tmp_path, monitor, **limits)
    assert monitor.flops_per_element is not None
    assert not any("throughput/mfu" in step for step in recorder.logged[:2])
    for step, batches, seconds in ((3, 2, 9 - 1), (6, 3, 36 - 9), (9, 2, 100 - 64)):
        metrics = recorder.logged[step - 1]
        samples = batches * 4 / seconds
        flops = monitor.flops_per_element * 64 * samples
        assert metrics["throughput/samples_per_second"].item() == pytest.approx(samples)
        assert metrics["throughput/tokens_per_second"].item() == pytest.approx(64 * samples)
        assert metrics["throughput/mfu"].item() == pytest.approx(flops / 1e9)


def test_operations_are_those_of_the_matrices(tmp_path: Path) -> None:
    """Two a weight and token in the forward, and four in the backward, besides the attention."""
    monitor, module = Throughput(peak_flops=1.0), task()
    fit(module, tmp_path, monitor, limit_train_batches=1, limit_val_batches=0)
    weights = (
        sum(p.numel() for name, p in module.named_parameters() if p.ndim == 2 and "wte" not in name)
        - module.model.base_model.wpe.weight.numel()
    )
    assert monitor.flops_per_element == pytest.approx(6 * weights, rel=0.1)


def test_an_epoch_is_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = count(0, 5)
    monkeypatch.setattr(epoch_statistics.time, "perf_counter", lambda: next(seconds))
    limits = {"limit_train_batches": 1, "limit_val_batches": 0}
    run = trainer(tmp_path, callbacks=[EpochStatistics()], **limits)
    assert train(task(), data(), run)["epoch/seconds"] == 5


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("ema_weights.decay=1.0", r"the decay 1\.0 of EMAWeights is not between 0 and 1: set"),
        ("ema_weights.decay=0", r"the decay 0 of EMAWeights is not between 0 and 1: set"),
        ("gradual_unfreezing.every_n_steps=0", r"callbacks\.gradual_unfreezing\.every_n_steps=0"),
    ],
)
def test_mistake(option: str, message: str, tmp_path: Path) -> None:
    name = option.partition(".")[0]
    config = compose([f"callbacks={name}", f"callbacks.{option}", f"training.run_dir={tmp_path}"])
    with pytest.raises(Exception, match=message) as error:
        instantiate(config.callbacks[name])
    assert isinstance(error.value.__cause__, ConfigurationError)


NAMES = {path.stem for path in (PACKAGED_CONFIGS / "callbacks").glob("*.yaml")}


@pytest.mark.parametrize("name", sorted(NAMES - {"default", "none"}))
def test_an_option_adds_one_callback_of_its_name(name: str, tmp_path: Path) -> None:
    config = compose([f"callbacks={name}", f"training.run_dir={tmp_path}"])
    assert list(config.callbacks) == [name]
    assert isinstance(instantiate(callbacks_with_modes(config, {})[name]), Callback)


def test_options_add_up(tmp_path: Path) -> None:
    config = compose(["callbacks=[default,ema_weights,early_stopping]"])
    defaults = {
        "autosave",
        "checkpoint",
        "loss_curve",
        "progress_bar",
        "final_validation",
        "run_log",
    }
    assert set(config.callbacks) == defaults | {"ema_weights", "early_stopping"}


def test_statistics_of_an_epoch_are_the_largest_of_all_processes() -> None:
    logged: list[dict[str, Any]] = []
    module: Any = SimpleNamespace(
        device=torch.device("cpu"), log_dict=lambda _, **options: logged.append(options)
    )
    callback = EpochStatistics()
    callback.on_train_epoch_start(trainer=None, pl_module=module)
    callback.on_train_epoch_end(trainer=None, pl_module=module)
    assert logged == [{"reduce_fx": "max", "sync_dist": True}]
