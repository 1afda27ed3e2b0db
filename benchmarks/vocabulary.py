"""Memory and CPU of the training loss of a large vocabulary, in chunks and from all logits.

python -m benchmarks.vocabulary
"""

import json
import resource
import sys
import time
from functools import partial
from typing import Any

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from benchmarks.trials import in_turn, ratios, spread, trial, write
from lightning_transformers.task.nlp.language_modeling.large_vocabulary import chunked_loss

TOKENS, WORDS, TIMES = 4096, 128_000, 3
TEXT = """
Loss and gradients of a GPT-2 of one layer (768 wide) over 128,000 words, 4 rows of 1,024 tokens,
float32, one thread. Memory is the growth of the peak beside parameters and their gradients.
"""


def measure(kind: str) -> None:
    """Print the figures of one forward and backward pass."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model: Any = GPT2LMHeadModel(GPT2Config(n_layer=1, vocab_size=WORDS))
    model.loss_type = "ForCausalLM"
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    ids = torch.randint(0, WORDS, (TOKENS // 1024, 1024))
    batch = {"input_ids": ids, "labels": ids}
    before, start = peak(), time.process_time()
    if kind == "chunks":
        loss = chunked_loss(model, batch) / ids[:, 1:].numel()
    else:
        loss = model(**batch).loss
    loss.backward()
    print(json.dumps({"seconds": time.process_time() - start, "MB": peak() - before}))


def peak() -> float:
    """Return the largest memory of the process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Run the trials in turn and write the table."""
    kinds = ("chunks", "all logits")
    found = in_turn({kind: partial(trial, "vocabulary", kind) for kind in kinds}, TIMES)
    ours, full = (found[kind] for kind in kinds)
    rows = [["", *kinds, "ratio"]]
    for name, digits in (("MB", 0), ("seconds", 1)):
        cells = (spread([values[name] for values in found[kind]], digits) for kind in kinds)
        rows.append([name, *cells, spread(ratios(ours, full, name))])
    write("vocabulary", "Loss of a large vocabulary", TEXT, rows, "torch", "transformers")


if __name__ == "__main__":
    measure(sys.argv[1]) if sys.argv[1:] else main()
