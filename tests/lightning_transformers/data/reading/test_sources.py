"""Names of files: home folder, splits in a folder, images in folders."""

import os
import re
import shutil
from pathlib import Path

import fsspec
import pytest
from PIL import Image

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.config.compose import normalize_overrides
from lightning_transformers.data.loading import DatasetReader, load_files, origins
from lightning_transformers.data.reading.copies import Copies
from lightning_transformers.data.reading.dialect import ReadOptions
from lightning_transformers.data.reading.sources import split_folders

COPIES = Copies(Path("cache"))


def images(_: str) -> ReadOptions:
    return ReadOptions(prefers_images=True)


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("text\nx\n")


def paint(*names: str) -> None:
    for number, name in enumerate(names):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (2, 2), (number, 0, 0)).save(name)


@pytest.mark.parametrize(
    ("files", "splits"),
    [
        (("train/a.csv", "val/a.csv", "test/a.csv"), {"train", "validation", "test"}),
        (("train/a.csv", "dev/a.csv", "notes.md"), {"train", "validation"}),
        (("train.csv", "valid.csv"), {"train", "validation"}),
        (("train_a.csv", "dev_a.csv", "images/a.png"), {"train", "validation"}),
        (("train-00000-of-00002.csv", "train-00001-of-00002.csv"), {"train"}),
        (("train/a.csv", "other/a.csv"), set()),
        (("test/a.csv", "val/a.csv"), set()),
        (("train/cat/a.png", "test/cat/a.png"), {"train", "test"}),
        (("train/a.png", "test/a.png"), set()),
    ],
)
def test_splits_of_a_folder(files: tuple[str, ...], splits: set[str], project: Path) -> None:
    touch(*(f"corpus/{file}" for file in files))
    found = split_folders({"train": "corpus"}, COPIES)
    assert set(found) == (splits or {"train"})
    assert (found["train"] == "corpus") == (not splits)


def test_an_archive_is_read_like_the_folder_in_it(project: Path) -> None:
    paint(*(f"pets/{split}/{kind}/1.png" for split in ("train", "val") for kind in ("cat", "dog")))
    touch("pets/notes.txt")
    shutil.make_archive("all", "zip", ".", "pets")
    found = split_folders({"train": "all.zip"}, COPIES)
    assert found == {"train": "all.zip/train", "validation": "all.zip/val"}
    rows = load_files(found, DatasetReader("cache"), images)["validation"]
    assert rows.features["label"].names == ["cat", "dog"]
    assert len(rows) == 2
    assert origins("train", "all.zip/train", True, COPIES) == [str(project.resolve() / "all.zip")]


def test_a_folder_of_a_url_may_consist_of_splits() -> None:
    files = {"train/a.csv": b"", "val/a.csv": b"", "notes.md": b""}
    fsspec.filesystem("memory").pipe({f"/splits/{name}": text for name, text in files.items()})
    url = "memory://splits"
    found = split_folders({"train": url}, COPIES)
    assert found == {"train": f"{url}/train", "validation": f"{url}/val"}
    with pytest.raises(ConfigurationError, match=r"cannot read the train file 's3://a/b': Install"):
        split_folders({"train": "s3://a/b"}, COPIES)


def test_a_split_that_is_named_wins(project: Path) -> None:
    touch("corpus/train/a.csv", "corpus/val/a.csv", "own.csv")
    found = split_folders({"train": "corpus/", "validation": "own.csv"}, COPIES)
    assert found == {"train": "corpus/train", "validation": "own.csv"}
    assert split_folders({"validation": "corpus"}, COPIES) == {"validation": "corpus/val"}
    assert split_folders({"predict": "corpus"}, COPIES) == {"predict": "corpus"}
    with pytest.raises(ConfigurationError, match=r"'corpus' has no test split \(it has: train, v"):
        split_folders({"test": "corpus"}, COPIES)


def test_the_home_folder(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(project))
    touch("a.csv")
    assert origins("train", ["~/a.csv", "a.csv"], False, COPIES) == [
        str(project.resolve() / "a.csv")
    ]
    assert normalize_overrides(["dataset.train_file=~/a.csv", "dataset.test_file=[~/a,b]"]) == [
        "dataset.train_file='~/a.csv'",
        "dataset.test_file=['~/a',b]",
    ]


def test_images_in_a_folder(project: Path) -> None:
    paint("images/b/1.png", "images/train/2.png", "images/b/.hidden.png")
    touch("images/labels.csv")

    def read() -> tuple[list[int], str]:
        rows = load_files({"train": "images"}, DatasetReader("cache"), images)["train"]
        assert rows.features["label"].names == ["b", "train"]
        return rows["label"], rows._fingerprint

    labels, before = read()
    assert labels == [0, 1]
    os.utime("images/b/1.png")
    assert read()[1] == before
    paint("images/b/1.png", "images/b/1.png")
    assert read()[1] != before
    assert origins("train", "images", True, COPIES) == [str(project.resolve() / "images")]


def test_images_in_a_folder_of_a_url(project: Path) -> None:
    paint("pets/train/cat/1.png", "pets/train/dog/1.png", "pets/train/dog/2.png", "pets/a/b.png")
    bucket, url = fsspec.filesystem("memory"), "memory://pets/train/"
    for file in Path("pets").rglob("*.png"):
        bucket.pipe(f"/{file}", file.read_bytes())

    def reds() -> list[tuple[int, int]]:
        rows = load_files({"train": url}, DatasetReader("cache"), images)["train"]
        assert rows.features["label"].names == ["cat", "dog"]
        return [(row["label"], row["image"].getpixel((0, 0))[0]) for row in rows]

    assert reds() == [(0, 0), (1, 1), (1, 2)]
    bucket.pipe("/pets/train/dog/1.png", Path("pets/a/b.png").read_bytes())
    assert reds() == [(0, 0), (1, 3), (1, 2)]
    assert origins("train", url, True, COPIES) == [url]
    for folder, message in (
        ("memory://none/", "cannot read the train file 'memory://none/': not found"),
        ("s3://bucket/pets/", "cannot read the train file 's3://bucket/pets/': Install s3fs"),
        ("https://host/pets/", "'https://host/pets/' is a folder on the web, which cannot be list"),
    ):
        with pytest.raises(ConfigurationError, match=re.escape(message)):
            load_files({"train": folder}, DatasetReader("cache"), images)


@pytest.mark.parametrize("name", ["metadata.csv", "labels.csv"])
def test_images_with_metadata(name: str, project: Path) -> None:
    """The only file of rows beside images may have any name."""
    paint("images/1.png", "images/2.png")
    Path("images", name).write_text("file_name,label\n2.png,x\n1.png,y\n,x\n")
    rows = load_files({"train": "images"}, DatasetReader("cache"), images)["train"]
    assert rows["label"] == ["x", "y", "x"]
    assert rows[2]["image"] is None
    assert rows[0]["image"].getpixel((0, 0)) == (1, 0, 0)
