"""A model that is built without weights, of which the strategy loads a shard; here the only one."""

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from unittest.mock import Mock, call

import pytest
import torch
from pytorch_lightning.strategies import ModelParallelStrategy
from safetensors.torch import load_file
from torch import distributed
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.models.backbone import Backbone, is_new
from lightning_transformers.models.shard_loading import deferred_weights, no_weights, sources_of
from lightning_transformers.models.sharded_checkpoint import (
    ShardedWriter,
    read_weights,
    weight_shapes,
)
from lightning_transformers.models.sharding import FullyShardedStrategy
from lightning_transformers.models.streamed_export import SOURCE, write_weights
from lightning_transformers.task.nlp.language_modeling import LanguageModelingTransformer
from lightning_transformers.task.nlp.text_classification import TextClassificationTransformer
from lightning_transformers.training.checkpoint import read_checkpoint
from tests.helpers.language_modeling import ADAMW, sample, trainer
from tests.helpers.weighting_runs import whole


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a model of the size of the tokenizer, with tied embeddings."""
    folder = tmp_path_factory.mktemp("files")
    torch.manual_seed(0)
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 128, "vocab_size": 2048}
    GPT2LMHeadModel(GPT2Config(**sizes)).save_pretrained(folder)
    return folder


@pytest.fixture
def _process_group() -> Iterator[None]:
    yield
    distributed.destroy_process_group()


def test_a_new_head_has_a_value_and_the_rest_a_name_in_the_files(files: Path) -> None:
    backbone = Backbone(str(files), config={"pad_token_id": 0})
    head = "transformers.AutoModelForSequenceClassification"
    with deferred_weights():
        model = backbone.load_model(head, {"num_labels": 3})
    named = dict(model.named_parameters())
    assert {name for name, value in named.items() if not value.is_meta} == {"score.weight"}
    assert is_new(named["score.weight"])
    assert named["score.weight"].std().item() == pytest.approx(0.02, rel=0.5)
    assert sources_of(model).keys() == named.keys() - {"score.weight"}
    at_once = backbone.load_model(head, {"num_labels": 3})
    assert not any(value.is_meta for value in at_once.parameters())
    assert isinstance(at_once, type(model))


@pytest.mark.usefixtures("_process_group")
def test_a_fit_loads_trains_saves_resumes_and_is_exported(files: Path, tmp_path: Path) -> None:
    def fit(steps: int, checkpoint: Path | None = None) -> LanguageModelingTransformer:
        with deferred_weights():
            task = LanguageModelingTransformer(str(files), optimizer=ADAMW)
        assert all(value.is_meta for value in task.model.parameters())
        limits = {"max_steps": steps, "limit_val_batches": 0, "enable_checkpointing": True}
        run = trainer(tmp_path, strategy=FullyShardedStrategy(), devices=1, **limits)
        run.fit(task, sample(batch_size=4), ckpt_path=checkpoint, weights_only=True)
        run.save_checkpoint(tmp_path / f"{steps}.ckpt")
        run.validate(task, sample(batch_size=4), verbose=False)  # shards no second time
        return task

    torch.manual_seed(0)
    trained = fit(2)
    assert trained.model.lm_head.weight is trained.model.transformer.wte.weight
    path = tmp_path / "2.ckpt"
    weights = read_weights(path, weight_shapes(path))
    original = AutoModelForCausalLM.from_pretrained(files).state_dict()
    for name, value in trained.named_parameters():
        moved = (whole(value.detach()) - original[name.removeprefix("model.")]).abs().max()
        assert 0 < moved < 0.01, "two steps from the weights of the files"
        assert torch.equal(whole(value.detach()), weights[name])
    assert read_checkpoint(str(path))["global_step"] == 2
    assert torch.equal(
        read_checkpoint(str(path), with_weights=True)["state_dict"]["model.lm_head.weight"],
        weights["model.transformer.wte.weight"],
    )
    resumed = fit(2, path)
    for (_, one), (_, other) in zip(
        trained.named_parameters(), resumed.named_parameters(), strict=True
    ):
        assert torch.equal(whole(one.detach()), whole(other.detach()))

    with no_weights():
        task = LanguageModelingTransformer(str(files))
    setattr(task.model, SOURCE, path)
    write_weights(task.model, tmp_path / "export", size=100_000)
    task.model.config.save_pretrained(tmp_path / "export")
    assert len(list((tmp_path / "export").glob("*.safetensors"))) > 2
    for file in (tmp_path / "export").glob("*.safetensors"):
        for name, value in load_file(file).items():
            assert torch.equal(value, weights[f"model.{name}"])
    exported = AutoModelForCausalLM.from_pretrained(tmp_path / "export").state_dict()
    assert all(torch.equal(exported[n], weights[f"model.{n}"]) for n in exported)

    other = TextClassificationTransformer(str(files))
    run = trainer(tmp_path, strategy=FullyShardedStrategy(), devices=1)
    with pytest.raises(ConfigurationError, match=r"lacks the weight model\.score\.weight"):
        run.validate(other, sample(batch_size=4), ckpt_path=path, weights_only=True)


@pytest.mark.parametrize(
    ("error", "wait"),
    [(None, "wait"), (SystemExit(143), "wait"), (ValueError("of one rank"), "wait_alone")],
)
def test_a_rank_with_an_error_waits_for_no_other(
    error: BaseException | None, wait: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ModelParallelStrategy, "teardown", lambda strategy: None)
    strategy = FullyShardedStrategy()
    writer = Mock(spec=ShardedWriter)
    strategy.writer = writer
    if error:
        strategy.on_exception(error)
    strategy.teardown()
    assert writer.method_calls == [getattr(call, wait)()]


@pytest.mark.usefixtures("_process_group")
def test_a_rank_that_waits_alone_ignores_a_failed_write(tmp_path: Path) -> None:
    distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1
    )
    writer, failed = ShardedWriter(), Future[None]()
    failed.set_exception(OSError("no space left"))
    writer.pending = failed
    with pytest.raises(OSError, match="no space"):
        writer.wait()
    writer.pending = failed
    writer.wait_alone()
    assert writer.pending is None


def test_a_checkpoint_is_removed_when_the_next_one_is_written(tmp_path: Path) -> None:
    strategy = FullyShardedStrategy()
    former = tmp_path / "former.ckpt"
    former.mkdir()
    found: list[bool] = []
    writer = Mock(spec=ShardedWriter)
    writer.wait.side_effect = lambda: found.append(former.is_dir())
    strategy.writer = writer
    strategy.remove_checkpoint(former)
    assert found == [True]
    assert not former.exists()
