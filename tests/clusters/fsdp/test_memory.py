"""Memory of a rank while it loads its shard."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

from build_tools.release_templates import ROOT
from tests.conftest import Run
from tests.helpers.nodes import PATHS

pytestmark = pytest.mark.clusters

SIZES = {
    "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 12,
    "num_attention_heads": 8, "vocab_size": 8192, "max_position_embeddings": 512,
}  # fmt: skip
"""218 M parameters: a shard of 436 MB, beside which some 50 MB of every load do not count."""


def write_model(folder: Path, dtype: torch.dtype) -> None:
    """Write a model with random weights as several files."""
    with torch.device("meta"):
        model = LlamaForCausalLM(LlamaConfig(**SIZES)).to(dtype)
    model.to_empty(device="cpu")
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.02)
    model.save_pretrained(folder, max_shard_size="300MB")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_peak_of_a_rank_is_at_most_1_3_of_its_shard(
    dtype: torch.dtype, run: Run, project: Path
) -> None:
    """With the pages of files that the process maps; without `unmapped_files` it is 1.4 and 1.8."""
    write_model(project / "large", dtype)
    script = ROOT / "tests/helpers/shard_memory.py"
    start = ("timeout", "400", "torchrun", "--standalone", "--nproc-per-node", 2)
    done = run(*start, script, project / "large", PYTHONPATH=PATHS)
    assert done.returncode == 0, done.stderr[-3000:]
    found = re.findall(r"^rank (\d) grew (\d+) shard (\d+)$", done.stdout, re.MULTILINE)
    assert sorted(rank for rank, *_ in found) == ["0", "1"]
    for _, growth, shard in found:
        assert int(shard) > 400e6
        assert int(growth) <= 1.3 * int(shard)
