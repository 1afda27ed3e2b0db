"""Images in the user's folders and files: formats, modes, and errors."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, Features, Image
from PIL import Image as Images

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.task.vision.image_classification.reading import read_image
from tests.helpers.images import (
    CLASSES,
    PROCESSOR,
    data_module,
    image,
    validation_batches,
    write_photos,
)


def write(kind: str, photos: Path) -> str:
    """Write a file that names the images, beside their folder, and return its path."""
    rows = [
        {"image": str(file.relative_to(photos.parent)), "label": file.parent.name}
        for file in sorted(photos.rglob("*.png"))
    ]
    path = photos.parent / f"own.{kind}"
    if kind == "parquet":
        kinds = Features({"image": Image(), "label": ClassLabel(names=CLASSES)})
        stored = [row | {"image": str(photos.parent / row["image"])} for row in rows]
        Dataset.from_list(stored, features=kinds).to_parquet(path)
    elif kind == "csv":
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, ["image", "label"])
            writer.writeheader()
            writer.writerows(rows)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("kind", ["folder", "csv", "jsonl", "parquet"])
def test_every_source_gives_the_same_batches(kind: str, streaming: bool, project: Path) -> None:
    photos = write_photos(project)
    file = str(photos) if kind == "folder" else write(kind, photos)
    labels = CLASSES if streaming else None  # a stream does not know the classes beforehand
    data = data_module(train_file=file, validation_file=file, streaming=streaming, labels=labels)
    batches = validation_batches(data)
    numbers = [number for start in range(3) for number in range(start, 30, 3)]
    expected = PROCESSOR([image(number) for number in numbers], return_tensors="pt")
    pixels, numbers_of_classes = (
        torch.cat([batch[key] for batch in batches]) for key in ("pixel_values", "labels")
    )
    assert torch.equal(pixels, expected["pixel_values"])
    assert numbers_of_classes.tolist() == [number % 3 for number in numbers]
    assert data.class_names() == CLASSES


@pytest.mark.parametrize("streaming", [False, True])
def test_paths_start_from_the_folder_of_their_file(streaming: bool, project: Path) -> None:
    for number, folder in enumerate("ab"):
        (project / folder).mkdir()
        image(number).save(project / folder / "1.png")
        (project / folder / "own.csv").write_text(f"image,label\n1.png,{CLASSES[number]}\n")
    files = {"train_file": ["a/own.csv", "b/own.csv"], "validation_file": "*/own.csv"}
    data = data_module(**files, labels=CLASSES, streaming=streaming)
    (batch,) = validation_batches(data)
    expected = PROCESSOR([image(number) for number in range(2)], return_tensors="pt")
    assert torch.equal(batch["pixel_values"], expected["pixel_values"])
    assert batch["labels"].tolist() == [0, 1]
    (project / "a" / "images.csv").write_text("image\n1.png\n")
    (row,) = data_module(predict_file="a/images.csv", streaming=streaming).raw_dataset["predict"]
    assert row == {"image": str(project / "a" / "1.png")}


def test_a_replaced_image_changes_the_cache_key(project: Path) -> None:
    """Without it, rows that `clean_row` has made from the former image would be read."""
    file = write("csv", write_photos(project))

    def key() -> str:
        return str(data_module(train_file=file).load_dataset()["train"]._fingerprint)

    before = key()
    assert key() == before
    (photo, *_) = sorted(project.rglob("*.png"))
    content, times = photo.read_bytes(), photo.stat()
    photo.write_bytes(content[:-1] + b"!")
    os.utime(photo, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert key() != before


def test_every_kind_of_image_becomes_rgb(tmp_path: Path) -> None:
    """A picture of 16 bits keeps its greys, one that a camera has turned is turned back."""
    grey = np.arange(4, dtype=np.uint8).reshape(2, 2) * 60
    for mode in ("L", "RGB", "RGBA", "P", "LA"):
        picture = read_image(Images.fromarray(grey).convert(mode))
        assert picture.mode == "RGB"
        assert np.asarray(picture)[..., 0].tolist() == grey.tolist(), mode
    Images.fromarray(grey.astype(np.uint16) * 256).save(tmp_path / "16.png")
    deep = read_image({"bytes": None, "path": str(tmp_path / "16.png")})
    assert np.asarray(deep)[..., 1].tolist() == grey.tolist()
    for mode, kind in (("I;16", "<u2"), ("I;16B", ">u2"), ("I", "<i4")):
        deep = Images.frombytes(mode, (2, 2), (grey * np.array(256, kind)).astype(kind).tobytes())
        assert np.asarray(read_image(deep))[..., 1].tolist() == grey.tolist(), mode
    shallow = Images.fromarray(grey.astype(np.int32))
    assert np.asarray(read_image(shallow))[..., 1].tolist() == grey.tolist()
    turned = Images.Exif()
    turned[0x0112] = 3
    Images.fromarray(grey).save(tmp_path / "turned.png", exif=turned)
    upright = np.asarray(read_image((tmp_path / "turned.png").read_bytes()))
    assert upright[..., 2].tolist() == grey[::-1, ::-1].tolist()


MISTAKES: dict[str, tuple[str, str]] = {
    "missing image": (
        "image,label\nno.png,train\n",
        "line 2 has an image that does not exist, '{folder}/no.png',",
    ),
    "unknown class": (
        "image,label\nok.png,train\nok.png,trian\n",
        "own.csv' line 3: the label 'trian' in column 'label' of the validation set is none of the "
        "3 classes (did you mean 'train'?)",
    ),
    "no label": ("image,label\nok.png,\n", "the label 'None' in column 'label'"),
    "other column": (
        "img,label\nok.png,train\n",
        "no column 'image' (its columns: img, label; read with",
    ),
    "numbers": ("image,label\n1,train\n", "an image that does not exist, '{folder}/1',"),
    "broken image": ("image,label\nbad.png,train\n", "cannot read the image '{folder}/bad.png': "),
}
WHEN_READ = ("broken image",)
"""Errors that appear only when the images are read."""


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake(mistake: str, project: Path) -> None:
    photos = write_photos(project)
    content, message = MISTAKES[mistake]
    folder = photos.parent
    image(0).save(folder / "ok.png")
    (folder / "bad.png").write_bytes((folder / "ok.png").read_bytes()[:80])
    (folder / "own.csv").write_text(content)
    data = data_module(train_file=str(photos), validation_file=str(folder / "own.csv"))
    with pytest.raises(ConfigurationError) as caught:
        validation_batches(data) if mistake in WHEN_READ else data.setup("fit")
    assert message.format(folder=folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_rows_with_broken_images_are_dropped(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    photos = write_photos(project)
    file = Path(write("csv", photos))
    (photos / "bus" / "00.png").write_bytes(b"no image")
    file.write_text(file.read_text() + "no.png,bus\n")
    data = data_module(train_file=str(file), validation_file=str(file), on_bad_row="drop")
    assert sum(len(batch["labels"]) for batch in validation_batches(data)) == 29
    assert "own.csv' line 2 has an unreadable image (cannot read" in caplog.text
    assert "own.csv' line 32 has an image that does not exist" in caplog.text


def test_mistake_of_folders(project: Path) -> None:
    photos = write_photos(project)
    (photos.parent / "empty").mkdir()
    for folder, message in {
        photos / "train": "put them into a subfolder per class",
        photos.parent / "empty": "contains no images",
    }.items():
        with pytest.raises(ConfigurationError, match=message):
            data_module(train_file=str(folder)).setup("fit")
    (photos / "bus" / "00.png").write_bytes(b"no image")
    with pytest.raises(ConfigurationError, match=r"cannot read the image '.*/bus/00.png'"):
        validation_batches(data_module(train_file=str(photos), validation_file=str(photos)))
