"""Training on local files: formats, paths, and errors."""

import errno
from pathlib import Path
from types import SimpleNamespace

import pytest

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.data.reading.sources import FORMATS
from lightning_transformers.task.nlp.language_modeling import LanguageModelingDataModule
from tests.helpers.corpus import TEXTS, WRITERS, write_csv
from tests.helpers.language_modeling import TOKENIZER


def data_module(**hyperparameters: object) -> LanguageModelingDataModule:
    return LanguageModelingDataModule(TOKENIZER, **{"block_size": 32, **hyperparameters})


def text_of(data: LanguageModelingDataModule, split: str) -> str:
    """Return all text of a split, decoded from its blocks."""
    data.setup("fit")
    assert data.dataset is not None
    return "".join(str(TOKENIZER.decode(row["input_ids"])) for row in data.dataset[split])


@pytest.mark.parametrize("kind", WRITERS)
def test_every_format_gives_the_same_tokens(kind: str, project: Path) -> None:
    WRITERS[kind](project / f"train.{kind}", TEXTS)
    WRITERS[kind](project / f"valid.{kind}", TEXTS[:3])
    files = {"train_file": f"train.{kind}", "validation_file": f"valid.{kind}"}
    data = data_module(packing="blocks", **files)
    assert text_of(data, "train") == "".join(f"{text}</s>" for text in TEXTS)
    assert text_of(data, "validation") == "".join(f"{text}</s>" for text in TEXTS[:3])


def test_absolute_path(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "train.csv")
    assert TEXTS[0] in text_of(data_module(train_file=str(file)), "train")


def test_own_files_win_over_the_name_of_a_dataset(project: Path) -> None:
    write_csv(project / "train.csv", ["only this", "and this"] * 5)
    data = data_module(train_file="train.csv", dataset_name="Salesforce/wikitext")
    assert "only this" in text_of(data, "train")


def test_validation_set_is_held_out_by_seed(project: Path) -> None:
    write_csv(project / "train.csv", [f"text {number}" for number in range(50)])
    first, same, other = (
        text_of(data_module(train_file="train.csv", train_val_split=0.2, seed=seed), "validation")
        for seed in (0, 0, 1)
    )
    assert first == same != other
    assert first.count("</s>") == 10


def test_a_cache_that_cannot_be_written(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_csv(project / "train.csv")

    def denied(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", denied)
    with pytest.raises(ConfigurationError, match=r"cannot write to the cache .*dataset\.cache_dir"):
        data_module(train_file="train.csv", cache_dir="shared").setup("fit")


def test_other_column(project: Path) -> None:
    write_csv(project / "train.csv", column="body")
    assert TEXTS[0] in text_of(data_module(train_file="train.csv", text_column="body"), "train")


@pytest.mark.parametrize("append_eos", [True, False])
def test_rows_without_text_are_passed_over(append_eos: bool, project: Path) -> None:
    (project / "train.csv").write_text("text,n\nhello,1\n,2\nworld,3\n")
    (project / "valid.csv").write_text("text\nhello\n")
    data = data_module(train_file="train.csv", validation_file="valid.csv", append_eos=append_eos)
    end = "</s>" if append_eos else ""
    assert text_of(data, "train") == f"hello{end}world{end}"


def write(name: str, content: str | bytes) -> None:
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())


MISTAKES: dict[str, tuple[dict[str, str | bytes], str]] = {
    "missing": ({}, "the train file 'train.csv' does not exist"),
    "empty": ({"train.csv": ""}, "'train.csv' has no rows"),
    "header only": ({"train.csv": "text\n"}, "'train.csv' has no rows"),
    "no text column": ({"train.csv": "a,b\n1,2\n3,4\n"}, "its columns: a, b"),
    "one row": ({"train.csv": "text\nhello\n"}, "dataset.validation_file"),
    "no text": ({"train.csv": 'text\n""\n""\n""\n'}, "no text in column 'text'"),
    "commas without quotes": (
        {"train.csv": "text\nFirst, a text\nSecond, a text\n"},
        "more fields than its header (1): quote texts that contain commas",
    ),
    "malformed": ({"train.csv": 'text\n"a\n'}, "'train.csv' has a quote that is not closed"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake(mistake: str, project: Path) -> None:
    files, message = MISTAKES[mistake]
    for name, content in files.items():
        write(name, content)
    data = data_module(train_file="train.csv", append_eos=False)
    with pytest.raises(ConfigurationError) as caught:
        data.setup("fit")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train.json", "{", "cannot read 'train.json'"),
        (
            "train.xml",
            "x",
            "has the unknown extension '.xml': give one with .csv, .tsv, .json, ",
        ),
        ("train", "x", "has the unknown extension ''"),
    ],
)
def test_mistake_of_format(name: str, content: str, message: str, project: Path) -> None:
    write(name, content)
    with pytest.raises(ConfigurationError) as caught:
        data_module(train_file=name).setup("fit")
    assert message in str(caught.value)


def test_no_dataset_at_all() -> None:
    with pytest.raises(ConfigurationError, match="no dataset: give") as caught:
        data_module().setup("fit")
    for ending in set(FORMATS) - {".jsonl", ".ndjson", ".conllu"}:
        assert ending[1:] in str(caught.value)
    assert "(to evaluate, that or dataset.test_file alone)" in str(caught.value)


def test_unknown_key_names_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'train_file'"):
        data_module(trian_file="x")


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0])
def test_fraction_that_leaves_nothing(share: float, project: Path) -> None:
    write_csv(project / "train.csv")
    with pytest.raises(ConfigurationError, match=r"between 0 and 1|below 1"):
        data_module(train_file="train.csv", train_val_split=share).setup("fit")


def test_block_that_is_too_short(project: Path) -> None:
    write_csv(project / "train.csv")
    with pytest.raises(ConfigurationError, match="block_size=1 leaves no token to predict"):
        data_module(train_file="train.csv", block_size=1).setup("fit")


def test_block_longer_than_the_model(project: Path) -> None:
    write_csv(project / "train.csv")
    with pytest.raises(ConfigurationError, match=r"block_size=129 exceeds .* 128 tokens"):
        data_module(train_file="train.csv", block_size=129).setup("fit")


def test_training_batches_are_shuffled_by_seed(project: Path) -> None:
    write_csv(project / "train.csv", [f"text {number}" for number in range(200)])
    files = {"train_file": "train.csv", "validation_file": "train.csv"}

    def order(seed: int) -> list[list[int]]:
        data = data_module(**files, seed=seed, batch_size=1)
        data.setup("fit")
        return [batch["input_ids"][0].tolist() for batch in data.train_dataloader()]

    data = data_module(**files, batch_size=1)
    data.setup("fit")
    as_it_stands = [batch["input_ids"][0].tolist() for batch in data.val_dataloader()]
    assert order(0) == order(0)
    assert order(0) != order(1)
    assert order(0) != as_it_stands
    assert sorted(order(0)) == sorted(order(1)) == sorted(as_it_stands)


def test_the_order_on_several_devices_follows_from_the_seed_too(project: Path) -> None:
    write_csv(project / "train.csv", [f"text number {n}" for n in range(20)])

    def order(seed: int, rank: int = 0) -> list[int]:
        data = data_module(
            train_file="train.csv", validation_file="train.csv", seed=seed, block_size=8
        )
        data.setup("fit")
        replicas = {"num_replicas": 2, "rank": rank}
        epochs = SimpleNamespace(current=SimpleNamespace(processed=0, started=0))
        data.trainer = SimpleNamespace(
            distributed_sampler_kwargs=replicas,
            fit_loop=SimpleNamespace(
                restarting=False,
                epoch_loop=SimpleNamespace(restarting=False),
                epoch_progress=epochs,
            ),
            overfit_batches=0,
            world_size=2,
        )
        return list(data.train_dataloader().sampler)

    assert order(0) == order(0)
    assert order(0) != order(5)
    assert not set(order(0)) & set(order(0, rank=1)), "no row on both"
