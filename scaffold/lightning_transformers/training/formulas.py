"""Version of the formulas of a run, so that a run of an earlier version resumes as it began.

A change that alters the losses, steps or batches of a run raises `FORMULAS`, and keeps the former
formula under the former number. A task records its number in each checkpoint; a fit that resumes
takes over the recorded one, as does a task that is loaded, and a new fit has the newest.

1. Before 0.2: positions of padding are classes of question answering's loss; a share of warm-up is
   one of the steps of the fit, rounded; T5's relative position biases decay; texts are padded on
   the tokenizer's side; BLEU has the tokenizer 13a for all languages;
   answers that SQuAD's normalization leaves nothing of count.
2. Padding does not belong to these classes; a share of warm-up is one of the schedule's steps,
   rounded up; no bias decays; texts are padded on the right, except for XLNet; BLEU's tokenizer is
   that of the target language; such answers are excluded if questions may have no answer.
3. The rows of an epoch are shuffled by a keyed permutation, before by `torch.randperm`; rows of
   similar length share a batch, also in an evaluation; the loss of a large vocabulary is summed in
   chunks of rows.
4. So is this loss in bfloat16; Adam and AdamW are fused where the trainer supports it.
5. An epoch has all rows on any number of ranks, before those that divide evenly: the rows of the
   steps of a resumed run do not depend on the number of ranks. Each evaluation of a stream reads
   the same rows in the same order, before its files in another order in each epoch.
"""

from collections.abc import Mapping
from typing import Any

FORMULAS = 5
"""The newest version."""
KEY = "formulas"
"""Key of a checkpoint, and of a manifest: the version, 1 if there is none."""


def recorded_formulas(record: Mapping[str, Any]) -> int:
    """Return the version in a checkpoint or a manifest's `training`."""
    return int(record.get(KEY, 1))
