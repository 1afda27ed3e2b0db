"""Configurations and splits of datasets on the hub, here of a folder in the same form."""

from pathlib import Path

import pytest
from datasets import Dataset, DatasetDict

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.data.loading import (
    SPLITS,
    DatasetReader,
    load_from_hub,
    named_splits,
)

CARD = """\
---
configs:
- {config_name: old, data_files: a.csv}
- {config_name: new, data_files: a.csv}
---
"""


@pytest.mark.parametrize(
    ("config_name", "fact"),
    [(None, "several configurations"), ("newest", "no configuration 'newest'")],
)
def test_configurations_are_listed(config_name: str | None, fact: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(CARD)
    (tmp_path / "a.csv").write_text("text\none\n")
    reader = DatasetReader(str(tmp_path / "cache"))
    assert load_from_hub(str(tmp_path), "new", None, reader)["train"]["text"][:] == ["one"]
    message = rf"has {fact}: set dataset\.dataset_config_name to one of old, new$"
    with pytest.raises(ConfigurationError, match=message):
        load_from_hub(str(tmp_path), config_name, None, reader)


def test_a_dataset_without_a_known_split_is_one_line() -> None:
    dataset = DatasetDict({"corpus": Dataset.from_dict({"text": ["one"]})})
    chosen: dict[str, str | None] = dict.fromkeys(SPLITS)
    assert list(named_splits(dataset, chosen | {"train": "corpus"})) == ["train"]
    message = r"no split named train, .* \(it has: corpus\): set dataset\.train_subset_name="
    with pytest.raises(ConfigurationError, match=message):
        named_splits(dataset, chosen)
