"""Image classification: sources of images, decoding, scores, predictions."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Images
from pytorch_lightning import Trainer
from transformers import AutoImageProcessor, AutoModelForImageClassification

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.models.freezing import freeze_backbone
from lightning_transformers.runs.build import seed_everything
from lightning_transformers.runs.train import train
from lightning_transformers.task.vision.image_classification import (
    ImageClassificationDataModule,
    ImageClassificationTransformer,
)
from lightning_transformers.task.vision.image_classification.reading import read_image
from tests.helpers.images import (
    CLASSES,
    VIT,
    data_module,
    image,
    write_photos,
)


def model(data: ImageClassificationDataModule, **values: Any) -> ImageClassificationTransformer:
    seed_everything(0)
    kwargs = {"model_data_kwargs": data.model_data_kwargs} | values
    return ImageClassificationTransformer(VIT, **kwargs)


def trainer(folder: Path, **arguments: Any) -> Trainer:
    flags: Any = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    return Trainer(accelerator="cpu", default_root_dir=folder, **flags | arguments)


def test_flip_is_of_training_images_alone(project: Path) -> None:
    photos = write_photos(project)
    data = data_module(train_file=str(photos), random_flip=True)
    data.setup("fit")
    train_rows, others = data.dataset["train"], data.dataset["validation"]  # type: ignore[index]
    read = [np.asarray(train_rows[0]["image"]) for _ in range(20)]
    upright = np.asarray(read_image(data.raw_dataset["train"][0]["image"]))
    flipped = [pixels.tolist() == upright[:, ::-1].tolist() for pixels in read]
    kept = [pixels.tolist() == upright.tolist() for pixels in read]
    assert 0 < sum(flipped) < sum(flipped) + sum(kept) == 20
    first = np.asarray(read_image(data.raw_dataset["validation"][0]["image"]))
    assert all(np.array_equal(others[0]["image"], first) for _ in range(20))


def test_scores_are_those_of_the_predictions(project: Path) -> None:
    photos = str(write_photos(project))
    data = data_module(train_file=photos, validation_file=photos)
    task = model(data)
    (logged,) = trainer(project).validate(task, data, verbose=False)
    found = [p["label"] for p in task.predict([image(number) for number in range(30)], data)]
    true = [CLASSES[number % 3] for number in range(30)]
    right = {c: sum(a == b == c for a, b in zip(found, true, strict=True)) for c in CLASSES}
    f1 = [2 * right[c] / (found.count(c) + true.count(c)) for c in CLASSES]
    assert 0 < sum(right.values()) < 30
    assert logged["val/accuracy"] == pytest.approx(sum(right.values()) / 30)
    assert logged["val/f1"] == pytest.approx(sum(f1) / 3)


def test_predictions_of_paths_and_images_agree(project: Path) -> None:
    photos = write_photos(project)
    data = data_module(train_file=str(photos), predict_file=str(photos))
    task = model(data)
    path = f"{photos.relative_to(Path.cwd())}/train/02.png"
    inputs = [
        path,
        image(2),
        {"image": path},
        Images.open(path),
        data.load_dataset()["predict"][20],
    ]
    together = task.predict(inputs, data, batch_size=2)
    assert {prediction["label"] for prediction in together} == {together[0]["label"]}
    scores = [prediction["score"] for prediction in together]
    assert scores == pytest.approx([scores[0]] * 5, abs=1e-5)
    (other,) = task.predict([image(1)], data)
    assert other["score"] != pytest.approx(scores[0], abs=1e-5)
    edited = Images.open(path)
    edited.paste((0, 0, 255), (0, 0, 12, 10))
    (changed,) = task.predict([edited], data)
    assert changed["score"] != pytest.approx(scores[0], abs=1e-5)
    for nothing in ("", {"x": path}, 5):
        with pytest.raises(ConfigurationError, match="no image in input"):
            task.predict([nothing], data)
    with pytest.raises(ConfigurationError, match="does not exist"):
        task.predict(["gone.png"], data)


def test_exported_model_gives_the_same_logits(project: Path, tmp_path: Path) -> None:
    photos = write_photos(project)
    data = data_module(train_file=str(photos))
    task = model(data)
    task.save_hf_checkpoint(tmp_path / "exported", data.processor)
    exported = AutoModelForImageClassification.from_pretrained(tmp_path / "exported")
    processor = AutoImageProcessor.from_pretrained(tmp_path / "exported")
    (batch,) = data.predict_batches([image(0)], 1)
    with torch.no_grad():
        logits = task.eval()(batch)["logits"]
        again = exported(**processor([image(0)], return_tensors="pt"))["logits"]
    assert torch.equal(logits, again)
    assert list(exported.config.id2label.values()) == CLASSES


def test_adapter_and_frozen_backbone(project: Path, tmp_path: Path) -> None:
    """The core ignores vocabularies for images."""
    photos = write_photos(project)
    data = data_module(train_file=str(photos))
    lora = {"_target_": "peft.LoraConfig", "target_modules": ["q_proj", "v_proj"]}
    frozen = model(data)
    freeze_backbone(frozen.model)
    for task in (model(data, peft=lora), frozen):
        before = {name: p.detach().clone() for name, p in task.model.named_parameters()}
        train(task, data, trainer(tmp_path, max_steps=2))
        changed = {n for n, p in task.model.named_parameters() if not torch.equal(p, before[n])}
        assert {"classifier.weight", "classifier.bias"} <= changed
        assert all("lora" in name for name in changed - {"classifier.weight", "classifier.bias"})
