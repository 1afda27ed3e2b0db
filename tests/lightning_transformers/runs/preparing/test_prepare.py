"""Texts are tokenized and packed once, into a folder that trainings read."""

import multiprocessing
import os
import pickle
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from pytorch_lightning.callbacks import ModelCheckpoint

from lightning_transformers.base.errors import ConfigurationError, NoTextError
from lightning_transformers.config.compose import compose
from lightning_transformers.models.backbone import Backbone
from lightning_transformers.runs.preparing.command import prepare_from_config
from lightning_transformers.runs.preparing.parts import cut, write_split
from lightning_transformers.runs.preparing.prepare import prepare
from lightning_transformers.task.nlp.language_modeling import LanguageModelingDataModule
from lightning_transformers.task.nlp.text_classification import TextClassificationDataModule
from tests.helpers.language_modeling import TINY, TOKENIZER, model, trainer

PART = 60_000
SAMPLES = "pkg://lightning_transformers/assets"
TEXTS = {split: f"{SAMPLES}/language_modeling/{split}.txt" for split in ("train", "validation")}
FILES = {f"{split}_file": file for split, file in TEXTS.items()}


def data(**values: Any) -> LanguageModelingDataModule:
    return LanguageModelingDataModule(TOKENIZER, **{"block_size": 64, "batch_size": 8} | values)


def texts(**values: Any) -> LanguageModelingDataModule:
    return data(**FILES | values)


def content(folder: Path) -> dict[str, bytes]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    record = prepare(texts(), folder, PART)
    assert len(record["splits"]["train"]) > 5
    return folder


@pytest.mark.slow
def test_the_bytes_do_not_depend_on_the_number_of_workers(prepared: Path, tmp_path: Path) -> None:
    prepare(texts(preprocessing_num_workers=3), tmp_path, PART)
    assert content(tmp_path) == content(prepared)


def test_examples_of_one_part_are_those_of_a_training_on_the_files(tmp_path: Path) -> None:
    prepare(texts(), tmp_path)
    ours, others = data(prepared_dir=str(tmp_path)), texts(cache_dir=str(tmp_path / "cache"))
    for module in (ours, others):
        module.setup("fit")
    for split in ("train", "validation"):
        assert ours.dataset is not None
        assert others.dataset is not None
        assert ours.dataset[split].data.to_pydict() == others.dataset[split].data.to_pydict()


def test_a_killed_preparation_continues(prepared: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    process = context.Process(
        target=prepare, args=(texts(preprocessing_num_workers=2), tmp_path, PART)
    )
    process.start()
    progress = tmp_path / ".train.jsonl"
    while not progress.is_file() or progress.read_text().count("\n") < 2:
        time.sleep(0.01)
        assert process.is_alive()
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with progress.open("a") as file:
        file.write('{"shard": ')  # as a kill cuts a line
    written = {file: file.stat().st_ino for file in sorted((tmp_path / "train").glob("0*"))[:2]}
    assert len(written) == 2
    prepare(texts(), tmp_path, PART)
    assert content(tmp_path) == content(prepared)
    assert written == {file: file.stat().st_ino for file in written}


def test_a_kill_within_a_later_split_keeps_the_earlier_ones(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(data: Any, folder: Path, split: str, *rest: Any) -> list[dict[str, Any]]:
        found = write_split(data, folder, split, *rest)
        if split == "validation":
            raise KeyboardInterrupt
        return found

    with monkeypatch.context() as patch:
        patch.setattr("lightning_transformers.runs.preparing.prepare.write_split", write)
        with pytest.raises(KeyboardInterrupt):
            prepare(texts(), tmp_path, PART)
    written = {file: file.stat().st_ino for file in tmp_path.glob("*/0*")}
    prepare(texts(), tmp_path, PART)
    assert written == {file: file.stat().st_ino for file in tmp_path.glob("*/0*")}
    assert content(tmp_path) == content(prepared)


def test_a_part_is_handed_to_a_worker_without_the_rest_of_its_file() -> None:
    parts = [*cut(texts(streaming=True).raw_dataset["train"], PART)]
    assert len(parts) > 2
    for part in parts[:-1]:
        assert len(pickle.dumps(part.rows)) < 1.2 * part.rows.nbytes + 2_000


def die(*arguments: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_worker_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightning_transformers.runs.preparing.parts.write_part", die)
    with pytest.raises(ConfigurationError, match="a worker was killed, probably for lack of memor"):
        prepare(texts(), tmp_path)


def test_a_split_without_rows_has_no_text(tmp_path: Path) -> None:
    nothing = Dataset.from_dict({"text": ["one"]}).to_iterable_dataset().take(0)
    with pytest.raises(NoTextError, match="the train set has no text"):
        write_split(texts(), tmp_path, "train", nothing, PART)


def test_folds_of_prepared_examples_are_refused(prepared: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"fold=1/2 cuts the texts, and .* fixed splits"):
        data(prepared_dir=str(prepared), fold="1/2").setup("fit")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"block_size": 32}, r"dataset\.block_size=64, not 32"),
        ({"packing": "blocks"}, r"dataset\.packing=documents, not blocks"),
        ({"append_eos": False}, r"dataset\.append_eos=True, not False"),
        ({"train_file": "other.txt"}, r"dataset\.train_file=pkg.*, not other.txt"),
        ({"text_column": "other"}, r"dataset\.text_column=text, not other"),
    ],
)
def test_a_training_with_other_settings_is_refused(
    changed: dict[str, Any], message: str, prepared: Path
) -> None:
    with pytest.raises(ConfigurationError, match=message) as error:
        data(prepared_dir=str(prepared), **changed).setup("fit")
    assert "\n" not in str(error.value)


def test_a_training_with_another_tokenizer_is_refused(prepared: Path) -> None:
    other = Backbone(f"{TINY}/gpt2").load_tokenizer()
    other.add_tokens(["gospel"])
    values = {"block_size": 64, "prepared_dir": str(prepared)}
    with pytest.raises(ConfigurationError, match="prepared with another tokenizer: choose its"):
        LanguageModelingDataModule(other, **values).setup("fit")


def cut_file(folder: Path) -> None:
    file = sorted((folder / "train").iterdir())[1]
    file.write_bytes(file.read_bytes()[:-1])


def end_early(folder: Path) -> None:
    file = folder / "prepared.json"
    file.write_text(file.read_text().partition(' "splits"')[0] + ' "splits": null}')


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut_file, "000001.arrow' has another size: copy the folder again"),
        (end_early, "is prepared in part: run python -m lightning_transformers prepare"),
        (lambda folder: (folder / "prepared.json").unlink(), "is not prepared: run"),
    ],
)
def test_an_incomplete_folder_is_refused(
    damage: Callable[[Path], None], message: str, prepared: Path, tmp_path: Path
) -> None:
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    damage(tmp_path)
    with pytest.raises(ConfigurationError, match=message):
        data(prepared_dir=str(tmp_path)).setup("fit")


def test_a_folder_keeps_its_texts(prepared: Path, tmp_path: Path) -> None:
    for line in ("one\n" * 40, "two\n" * 41):
        (tmp_path / "a.txt").write_text(line)
        changed = texts(train_file=str(tmp_path / "a.txt"))
        if "one" in line:
            prepare(changed, tmp_path / "own", PART)
    with pytest.raises(ConfigurationError, match="the train set is another one than"):
        prepare(changed, tmp_path / "own", PART)
    with pytest.raises(ConfigurationError, match=r"dataset\.train_file=pkg"):
        prepare(changed, prepared, PART)


def test_files_without_text_are_no_error_beside_others(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n" * 30)
    (tmp_path / "b.txt").write_text("In the beginning was the word.\n" * 30)
    values = {"validation_file": str(tmp_path / "b.txt")}
    both = texts(train_file=[str(tmp_path / name) for name in ("a.txt", "b.txt")], **values)
    record = prepare(both, tmp_path / "both", part_bytes=200)
    assert len(record["splits"]["train"]) < 30
    with pytest.raises(ConfigurationError, match="the train set has no text"):
        prepare(texts(train_file=str(tmp_path / "a.txt"), **values), tmp_path / "none", 200)


def test_conversations_are_prepared_with_their_template(tmp_path: Path) -> None:
    tokenizer = Backbone(f"{TINY}/gpt2").load_tokenizer()  # the data module sets its template
    files = {f"{split}_file": f"{SAMPLES}/chat/{split}.jsonl" for split in TEXTS}
    turn = "{{ m.role }}: {% generation %}{{ m.content }}{% endgeneration %}"
    template = f"{{% for m in messages %}}{turn}{{% endfor %}}"

    def chats(**values: Any) -> LanguageModelingDataModule:
        return LanguageModelingDataModule(tokenizer, block_size=64, **values)

    prepare(chats(**files, chat_template=template), tmp_path)
    ours = chats(prepared_dir=str(tmp_path), chat_template=template)
    ours.setup("fit")
    assert ours.messages_column == ours.hparams["messages_column"] == "messages"
    assert "labels" in next(iter(ours.train_dataloader()))
    with pytest.raises(ConfigurationError, match=r"chat_template=.*not None"):
        chats(prepared_dir=str(tmp_path)).setup("fit")


def test_other_tasks_cannot_be_prepared(tmp_path: Path) -> None:
    classes = TextClassificationDataModule(TOKENIZER, dataset_name="sample")
    with pytest.raises(ConfigurationError, match="TextClassificationDataModule cannot prepare"):
        prepare(classes, tmp_path)


def test_the_command_takes_the_lengths_of_the_model(tmp_path: Path) -> None:
    words = ["task=nlp/language_modeling", "backbone=tiny", "training.run_dir=none"]
    with pytest.raises(ConfigurationError, match="no folder to write to"):
        prepare_from_config(compose(words))
    words.append(f"dataset.prepared_dir={tmp_path}")
    with pytest.raises(ConfigurationError, match="no dataset: give"):
        prepare_from_config(compose(words))
    prepare_from_config(compose([*words, "dataset.dataset_name=sample"]))
    length = Backbone(f"{TINY}/gpt2").load_config().max_position_embeddings
    with pytest.raises(ConfigurationError, match=f"block_size={length}, not 32"):
        data(prepared_dir=str(tmp_path), block_size=32).setup("fit")


@pytest.mark.slow
def test_a_resumed_training_on_prepared_examples_is_exact(prepared: Path, tmp_path: Path) -> None:
    def weights(steps: int, resumed: str | None = None) -> list[torch.Tensor]:
        saver = ModelCheckpoint(tmp_path, filename=str(steps), save_on_train_epoch_end=True)
        run = trainer(
            tmp_path,
            max_steps=steps,
            limit_val_batches=0,
            callbacks=[saver],
            enable_checkpointing=True,
        )
        task = model()
        run.fit(task, data(prepared_dir=str(prepared)), ckpt_path=resumed, weights_only=True)
        run.save_checkpoint(tmp_path / f"{steps}.ckpt")
        return [parameter.detach().clone() for parameter in task.parameters()]

    whole = weights(6)
    weights(3)
    again = weights(6, str(tmp_path / "3.ckpt"))
    assert all(map(torch.equal, whole, again))
