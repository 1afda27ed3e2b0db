"""Models of which each rank has a part: checkpoints, resume and export."""

import os
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import GPT2Config, GPT2LMHeadModel

from build_tools.release_templates import ROOT
from lightning_transformers.models.sharded_checkpoint import read_weights, weight_shapes
from lightning_transformers.runs.load import load
from tests.conftest import Run
from tests.helpers.language_modeling import TINY
from tests.helpers.nodes import TRAIN
from tests.helpers.python_path import PATHS

pytestmark = pytest.mark.clusters


def torchrun(run: Run, ranks: int, *arguments: object) -> str:
    """Return the output of a script or command on some ranks."""
    start = ("timeout", "400", "torchrun", "--standalone", "--nproc-per-node", ranks)
    done = run(*start, *arguments, PYTHONPATH=PATHS)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout + done.stderr


def test_losses_are_those_of_one_run_on_other_numbers_of_ranks(run: Run) -> None:
    script = ROOT / "tests/helpers/world_sizes.py"

    def losses(ranks: int, *arguments: object) -> dict[int, float]:
        text = torchrun(run, ranks, script, "fsdp", *arguments)
        return {int(s): float(x) for s, x in re.findall(r"^step (\d+) (\S+)$", text, re.MULTILINE)}

    whole = losses(2, 4, 1, 8)
    assert [*whole] == [*range(1, 9)]
    for ranks, batch, accumulated in ((1, 8, 1), (4, 1, 2)):
        resumed = losses(ranks, batch, accumulated, 8, "at-4.ckpt")
        assert resumed == pytest.approx({n: whole[n] for n in range(5, 9)}, abs=1e-5)


def test_a_sharded_run_resumes_on_one_rank_and_is_exported(run: Run, project: Path) -> None:
    small = GPT2LMHeadModel(GPT2Config(n_embd=32, n_layer=2, n_head=2, vocab_size=2048))
    small.save_pretrained(project / "small")
    common = (
        *("task=nlp/language_modeling", "experiment=smoke", "trainer=fsdp"),
        *("trainer.accelerator=cpu", "backbone.pretrained_model_name_or_path=small"),
        *(f"backbone.tokenizer_name_or_path={TINY}/gpt2", "backbone.random_weights=false"),
        *("trainer.limit_val_batches=1", "training.batch_size=4", "hydra.run.dir=run"),
        "trainer.max_epochs=1",
    )
    torchrun(run, 2, TRAIN, *common, "trainer.devices=2", "trainer.max_steps=4")
    last = project / "run/checkpoints/last.ckpt"
    assert {path.name for path in last.iterdir()} >= {"__0_0.distcp", "__1_0.distcp", "meta.pt"}
    assert not list(last.parent.glob(".*")), "nothing half written"
    before = read_weights(last, weight_shapes(last))
    task, _ = load(last)
    weights = task.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in before.items())

    export = ("export_dir=out", "+checkpoint_path=run/checkpoints/last.ckpt")
    done = run(TRAIN.with_name("pl-transformers-export"), *common, *export)
    assert done.returncode == 0, done.stderr
    exported = load_file(project / "out/model.safetensors")
    found = GPT2LMHeadModel.from_pretrained(project / "out").state_dict()
    assert all(torch.equal(before[f"model.{name}"], value) for name, value in exported.items())
    assert all(torch.equal(before[f"model.{name}"], value) for name, value in found.items())

    limits = ("trainer.max_steps=6", "trainer.accumulate_grad_batches=2", "trainer.devices=1")
    done = run(TRAIN, *common, *limits, "resume=auto", **os.environ)
    assert done.returncode == 0, done.stderr
    assert "resuming on 1 ranks a run of 2" in done.stdout
    assert torch.load(last / "meta.pt", weights_only=True)["global_step"] == 6
