"""Common customizations of data take a few lines of a generated data module."""

from pathlib import Path

import pytest

from tests.conftest import Run
from tests.helpers.line_counts import LINES_OF_PYTHON, LINES_OF_YAML, added
from tests.helpers.merge_edits import below_docstring
from tests.helpers.projects import new_dataset

MODULE = "tasks/data_modules/mine.py"
CONFIG = "conf/dataset/nlp/text_classification/mine.yaml"

COLLATOR = """
        pad: Callable[[Sequence[dict[str, Any]]], Batch] = super().collate_fn

        def masked(rows: Sequence[dict[str, Any]]) -> Batch:
            batch = pad(rows)
            hidden = torch.rand(batch["input_ids"].shape) < self.word_dropout
            batch["input_ids"][hidden] = self.tokenizer.unk_token_id
            return batch

        return masked
"""
SAMPLER = """
        assert self.dataset is not None
        rows: Any = self.dataset["train"]
        often = Counter(rows["labels"])
        sampler = WeightedRandomSampler([1 / often[label] for label in rows["labels"]], len(rows))
        return DataLoader(
            rows, self.batch_size, sampler=sampler, collate_fn=self.collate_fn
        )
"""
DATASET = """
        rows = [{"text": word * 3, "label": word} for word in "abcdefgh" * 8]
        dataset = Dataset.from_list(rows)
        return DatasetDict({"train": dataset, "validation": dataset.take(8)})
"""
CUSTOMISATIONS = {
    "collator": (
        "collate_fn",
        COLLATOR,
        "from collections.abc import Callable, Sequence\nimport torch\n"
        "from lightning_transformers import Batch\n",
        "    word_dropout: float = 0.1\n",
        "word_dropout: 0.1\n",
    ),
    "sampler": (
        "train_dataloader",
        SAMPLER,
        "from collections import Counter\nfrom torch.utils.data import WeightedRandomSampler\n",
        "",
        "",
    ),
    "dataset": ("load_dataset", DATASET, "from datasets import Dataset\n", "", ""),
}


@pytest.mark.parametrize("name", CUSTOMISATIONS)
def test_customisation_takes_few_lines_and_trains(name: str, project: Path, run: Run) -> None:
    hook, body, imports, field, key = CUSTOMISATIONS[name]
    new_dataset(project, "plain", "text_classification")
    new_dataset(project, "mine", "text_classification", [hook])
    module, config = project / MODULE, project / CONFIG
    module.write_text(filled_in(module.read_text(), body, imports, field))
    config.write_text(config.read_text() + key)
    plain = (project / "tasks/data_modules/plain.py").read_text()
    plain = plain.replace("Plain", "Mine").replace("plain", "mine")
    assert added(plain, module.read_text()) <= LINES_OF_PYTHON
    assert key.count("\n") <= LINES_OF_YAML
    done = run("pytest", "--quiet", "tests/test_mine.py")
    assert done.returncode == 0, done.stdout
    assert run("ruff", "check", "--isolated", "--select", "F", MODULE).returncode == 0


def filled_in(text: str, body: str, imports: str, field: str) -> str:
    """Return a generated module with the body of its stub, imports after the docstring, a field."""
    stub = text.index("        return super()")
    text = text[:stub] + body.lstrip("\n") + text[text.index("\n", stub) + 1 :]
    text = below_docstring(text, field) if field else text
    return text.replace("\n\n", "\n\n" + imports, 1)
