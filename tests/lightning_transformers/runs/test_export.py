"""Plain transformers computes from raw text what `predict` does; an export is uploaded whole."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from torch import Tensor
from transformers import (
    AutoModelForMultipleChoice,
    AutoModelForQuestionAnswering,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    pipeline,
)

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.core import TaskTransformer, TransformerDataModule
from lightning_transformers.runs.build import seed_everything
from lightning_transformers.runs.export import export, require_empty
from lightning_transformers.task.nlp.language_modeling import (
    LanguageModelingDataModule,
    LanguageModelingTransformer,
)
from lightning_transformers.task.nlp.masked_language_modeling import (
    MaskedLanguageModelingDataModule,
    MaskedLanguageModelingTransformer,
)
from lightning_transformers.task.nlp.multiple_choice import (
    MultipleChoiceDataModule,
    MultipleChoiceTransformer,
)
from lightning_transformers.task.nlp.question_answering import (
    QuestionAnsweringDataModule,
    QuestionAnsweringTransformer,
)
from lightning_transformers.task.nlp.summarization import (
    SummarizationDataModule,
    SummarizationTransformer,
)
from lightning_transformers.task.nlp.text_classification import (
    TextClassificationDataModule,
    TextClassificationTransformer,
)
from lightning_transformers.task.nlp.token_classification import (
    TokenClassificationDataModule,
    TokenClassificationTransformer,
)
from lightning_transformers.task.nlp.translation import (
    TranslationDataModule,
    TranslationTransformer,
)
from tests.helpers.hub import Hub
from tests.helpers.hub_uploads import READER, WRITER
from tests.helpers.tokenizer_kinds import KINDS, TEXT

SIZES = {"bert": {"hidden_size": 32}, "gpt2": {"n_embd": 32}, "t5": {"d_model": 32}}
LONG = "she never didn't see Mr. Darcy. " * 30
kinds = pytest.mark.parametrize("kind", KINDS)


def exported(
    folder: Path,
    cls: type[TaskTransformer],
    data: TransformerDataModule,
    backbone: str = "bert",
    **values: Any,
) -> TaskTransformer:
    """Return a task with random weights after its export."""
    task = built(cls, data, backbone, **values)
    export(task.eval(), data, folder)
    return task


def built(
    cls: type[TaskTransformer], data: TransformerDataModule, backbone: str = "bert", **values: Any
) -> TaskTransformer:
    """Return a task with random weights."""
    seed_everything(0)
    config = {**SIZES[backbone], "vocab_size": len(data.processor)}
    fields = {
        "pretrained_model_name_or_path": f"pkg://lightning_transformers/assets/tiny/{backbone}",
        "random_weights": True,
        "config": config,
    }
    task = cls(fields, model_data_kwargs=data.model_data_kwargs, **values)
    for parameter in task.model.parameters():
        parameter.data.normal_(std=0.3)
    return task


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """Return a hub that the client uses, in an empty working directory, with a writer's token."""
    with Hub() as hub:
        for name, value in {
            "ENDPOINT": hub.url,
            "HF_HUB_OFFLINE": False,
            "HF_HUB_DISABLE_XET": True,
            "HF_TOKEN_PATH": str(tmp_path / "none"),
        }.items():
            monkeypatch.setattr(constants, name, value)
        monkeypatch.setenv("HF_TOKEN", WRITER)
        monkeypatch.chdir(tmp_path)
        yield hub


@pytest.fixture
def classifier() -> tuple[TaskTransformer, TransformerDataModule]:
    """Return a task with its data."""
    data = TextClassificationDataModule(KINDS["WordPiece"](), labels=["a", "b"])
    return built(TextClassificationTransformer, data).eval(), data


def test_an_upload_is_the_folder(
    hub: Hub, classifier: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = export(*classifier, "out", hub_id="me/model")
    written = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.*")}
    uploaded = hub.model_files("me/model")
    assert uploaded == {name: path.read_bytes() for name, path in written.items()}
    assert 'name = "me/model"' in uploaded["README.md"].decode()
    assert hub.private == {"me/model": True}
    assert capsys.readouterr().out == f"Uploaded: {hub.url}/me/model\n"
    export(*classifier, "again", hub_id="model", hub_private=False)
    assert hub.private == {"me/model": True}, "an existing repository stays as it is"
    export(*classifier, "public", hub_id="public", hub_private=False)
    assert not hub.private["me/public"]
    with pytest.raises(ConfigurationError, match="hub_id=public exists and is public: set hub_pri"):
        export(*classifier, "private", hub_id="public")
    assert not Path("private").exists()


@pytest.mark.parametrize(
    ("token", "name", "line"),
    [
        ("", "me/model", "the hub needs a token of yours (run `hf auth login` or set HF_TOKEN)"),
        (READER, "me/model", "your token may not write there (correct the name, or run `hf auth"),
        (WRITER, "you/model", "your token may not write there (correct the name, or run `hf auth"),
        (WRITER, "a/b/c", "is not a name of a repository: give <user or organization>/<name>"),
    ],
)
def test_a_refused_upload_is_one_line_and_writes_nothing(
    token: str, name: str, line: str, hub: Hub, classifier: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(ConfigurationError) as caught:
        export(*classifier, "out", hub_id=name)
    assert str(caught.value).startswith(f"hub_id={name}")
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not Path("out").exists()


def test_a_refused_commit_says_how_to_upload_the_folder(
    hub: Hub, classifier: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others may read the repository, and so it is not refused at once."""
    hub.add_files("you/model", {"x": b""})
    monkeypatch.setenv("HF_TOKEN", READER)
    with pytest.raises(ConfigurationError) as caught:
        export(*classifier, "out", hub_id="you/model", hub_private=False)
    assert str(caught.value).endswith("`hf upload you/model out` uploads it")
    assert Path("out/model.safetensors").is_file()


def test_a_hub_that_does_not_answer_is_one_line(
    hub: Hub, classifier: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigurationError, match=r"\(check the connection and HF_HUB_OFFLINE\)$"):
        export(*classifier, "out", hub_id="me/model")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ConfigurationError, match=r"\(check the connection and HF_HUB_OFFLINE\)$"):
        export(*classifier, "out", hub_id="me/model")


@kinds
def test_classes_of_texts(kind: str, tmp_path: Path) -> None:
    data = TextClassificationDataModule(KINDS[kind](), labels=["a", "b"], max_length=20)
    task = exported(tmp_path, TextClassificationTransformer, data)
    found = pipeline("text-classification", model=str(tmp_path), truncation=True)([TEXT, LONG])
    for ours, theirs in zip(task.predict([TEXT, LONG], data), found, strict=True):
        assert ours == {**theirs, "score": pytest.approx(theirs["score"], rel=1e-5)}


@kinds
def test_tags_of_words(kind: str, tmp_path: Path) -> None:
    """Each word begins where `predict` finds it, with the tag and the probability of its token."""
    data = TokenClassificationDataModule(KINDS[kind](), labels=["NOUN", "VERB", "DET"])
    task = exported(tmp_path, TokenClassificationTransformer, data)
    own = KINDS[kind]()
    tokens = pipeline("token-classification", model=str(tmp_path))(TEXT)
    by_start: dict[int, Any] = {}
    for token in tokens:
        by_start.setdefault(token["start"], token)
    (words,) = task.predict([TEXT], data)
    assert len(words) > 20
    for word in words:
        token = by_start[word["start"]]
        assert (word["tag"], word["score"]) == (token["entity"], pytest.approx(token["score"]))
    (batch,) = data.predict_batches([TEXT], 1)
    again = AutoTokenizer.from_pretrained(tmp_path)(TEXT)["input_ids"]
    assert again == batch["input_ids"][0].tolist()
    plain = own(TEXT)["input_ids"]
    assert (again == plain) == (kind == "WordPiece"), "which splits at punctuation by itself"


@kinds
@pytest.mark.parametrize("packing", ["documents", "blocks"])
def test_continued_texts(kind: str, packing: str, tmp_path: Path) -> None:
    """A prompt begins as a document in training, and has no token that ends a text."""
    data = LanguageModelingDataModule(KINDS[kind](), packing=packing)
    task = exported(tmp_path, LanguageModelingTransformer, data, "gpt2", max_new_tokens=7)
    generator = pipeline("text-generation", model=str(tmp_path))
    (batch,) = data.predict_batches([TEXT], 1)
    (found,) = generator(TEXT, return_tensors=True)
    prompt, own = batch["input_ids"][0].tolist(), task.generate(batch)[0].tolist()
    assert found["generated_token_ids"] == prompt + own
    assert prompt[-1] != data.tokenizer.sep_token_id
    assert prompt[0] == data.tokenizer.bos_token_id or kind == "WordPiece"
    assert generator.model.config.use_cache
    assert not task.model.config.use_cache


@kinds
def test_filled_in_texts(kind: str, tmp_path: Path) -> None:
    data = MaskedLanguageModelingDataModule(KINDS[kind]())
    task = exported(tmp_path, MaskedLanguageModelingTransformer, data)
    text = f"she {data.tokenizer.mask_token} see"
    (ours,) = task.predict([text], data)
    best = pipeline("fill-mask", model=str(tmp_path))(text)[0]
    assert ours["tokens"] == [best["token_str"].strip()]
    assert ours["scores"] == pytest.approx([best["score"]], rel=1e-5)


@kinds
def test_answers(kind: str, tmp_path: Path) -> None:
    data = QuestionAnsweringDataModule(KINDS[kind]())
    task = exported(tmp_path, QuestionAnsweringTransformer, data)
    model = AutoModelForQuestionAnswering.from_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    question = "who didn't see?"
    inputs = tokenizer(question, TEXT, return_tensors="pt", return_offsets_mapping=True)
    offsets = inputs.pop("offset_mapping")[0].tolist()
    with torch.no_grad():
        outputs = model(**inputs)
    inside = [place for place, part in enumerate(inputs.sequence_ids(0)) if part == 1]
    pairs = [(first, last) for first in inside for last in inside if first <= last < first + 30]
    start, end = outputs.start_logits[0], outputs.end_logits[0]
    scores = {pair: float(start[pair[0]] + end[pair[1]]) for pair in pairs}
    first, last = max(pairs, key=lambda pair: scores[pair])
    (ours,) = task.predict([{"question": question, "context": TEXT}], data)
    assert ours["answer"] == TEXT[offsets[first][0] : offsets[last][1]].strip()


@kinds
def test_choices(kind: str, tmp_path: Path) -> None:
    data = MultipleChoiceDataModule(KINDS[kind]())
    task = exported(tmp_path, MultipleChoiceTransformer, data)
    model = AutoModelForMultipleChoice.from_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    choices = ["see Mr. Darcy", "never", "does"]
    row = {"context": TEXT, "question": "she", "choices": choices}
    (ours,) = task.predict([row], data)
    pairs = tokenizer([TEXT] * 3, [f"she {choice}" for choice in choices], padding=True)
    with torch.no_grad():
        logits: Tensor = model(**{k: torch.tensor([v]) for k, v in pairs.items()}).logits[0]
    assert ours["index"] == int(logits.argmax())
    assert ours["score"] == pytest.approx(float(logits.softmax(-1).max()), rel=1e-5)


@kinds
@pytest.mark.parametrize("name", ["summarization", "translation_en_to_de"])
def test_generated_texts(kind: str, name: str, tmp_path: Path) -> None:
    tokenizer = copy.deepcopy(KINDS[kind]())
    lengths = {"max_source_length": 40, "max_target_length": 12}
    data: Any = SummarizationDataModule(tokenizer, **lengths)
    cls: Any = SummarizationTransformer
    if name != "summarization":
        cls = TranslationTransformer
        languages = {"source_language": "en", "target_language": "de"}
        data = TranslationDataModule(tokenizer, **lengths, **languages)
    task = exported(tmp_path, cls, data, "t5", num_beams=3)
    model = AutoModelForSeq2SeqLM.from_pretrained(tmp_path)
    plain = AutoTokenizer.from_pretrained(tmp_path)
    parameters = model.config.task_specific_params[name]
    assert parameters["prefix"] == model.config.prefix == data.source_prefix() != ""
    assert (parameters["num_beams"], parameters["max_new_tokens"]) == (3, 12)
    assert model.config.use_cache
    texts = [TEXT, "she never see", LONG]
    sources = [model.config.prefix + text for text in texts]
    ids = model.generate(**plain(sources, padding=True, truncation=True, return_tensors="pt"))
    assert plain.batch_decode(ids, skip_special_tokens=True) == task.predict(texts, data)


def test_a_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="file' is a file: give another folder"):
        require_empty(tmp_path / "file" / "below")
