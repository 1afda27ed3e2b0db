"""Only assistant turns of a chat contribute to the loss."""

import logging
from pathlib import Path
from typing import Any

import pytest
import torch

from build_tools.build_assets.chats import CHAT_TEMPLATE
from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.models.backbone import Backbone
from lightning_transformers.task.nlp.language_modeling import LanguageModelingDataModule
from tests.helpers.chats import (
    CHATML,
    MARKED,
    TWO,
    batch_of,
    chat,
    conversation,
    learned,
    message,
    write,
)
from tests.helpers.document_classes import CLASSES
from tests.helpers.language_modeling import BACKBONE, TINY, model, trainer
from tests.helpers.slow import sampled

# As some models that think: what an earlier turn thought is left out.
FORGETFUL = (
    "{% for m in messages %}{{ '# ' + m.role + '\n' + ('...' if m.role == 'assistant' and "
    "not loop.last else m.content) + '</s>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '# assistant\n' }}{% endif %}"
)
ALTERNATING = (
    "{% if messages[0].role != 'user' %}{{ raise_exception('The user has to begin') }}{% endif %}"
)


SYSTEM = [message("system", "Be brief."), *conversation("Why?", "Because.")]


@pytest.mark.parametrize(
    ("template", "end"), [(None, "</s>"), (CHATML, "</s>\n"), (MARKED, "</s>")]
)
@pytest.mark.parametrize("packing", ["documents", "none"])
def test_what_the_assistant_says_is_learned_with_its_end(
    packing: str, template: str | None, end: str, project: Path
) -> None:
    data = chat(packing=packing, chat_template=template)
    batch = batch_of(data, write([TWO, SYSTEM]))
    answers = [f"Hello, you.{end}Nobody, my dear.{end}", f"Because.{end}"]
    assert learned(data, batch) == (["".join(answers)] if packing == "documents" else answers)
    assert ("position_ids" in batch) == (packing == "documents")


def test_without_messages_column_all_would_be_learned(project: Path) -> None:
    """The counterpart: a chat as text, by the same model, learns what the user says as well."""
    text = str(chat().tokenizer.apply_chat_template(TWO, tokenize=False))
    data = chat(messages_column=None, text_column="text", append_eos=False)
    (all_of_it,) = learned(data, batch_of(data, write([text], "text")))
    assert "Who's there?" in all_of_it


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("packing", ["documents", "none"])
def test_what_others_say_has_no_gradient(packing: str, cls: str, project: Path) -> None:
    """The loss is that of the assistant's tokens, of each conversation by itself."""
    data = chat(packing=packing)
    batch = batch_of(data, write([TWO, SYSTEM]))
    task = model(CLASSES[cls]).eval()
    with torch.no_grad():
        loss, _ = task.shared_step(batch, "val")
    total, count = 0.0, 0
    for messages in (TWO, SYSTEM):
        for end in [n for n, m in enumerate(messages) if m["role"] == "assistant"]:
            asked = ids_of(data, messages[:end], add_generation_prompt=True)
            both = ids_of(data, messages[: end + 1])
            assert both[: len(asked)] == asked
            logits = task.model(torch.tensor([both])).logits[0, len(asked) - 1 : -1]
            answer = torch.tensor(both[len(asked) :])
            total += float(torch.nn.functional.cross_entropy(logits, answer, reduction="sum"))
            count += len(answer)
    assert float(loss.count) == count
    assert float(loss.total) == pytest.approx(total, rel=1e-5)


def ids_of(data: LanguageModelingDataModule, messages: Any, **options: bool) -> list[int]:
    text = data.tokenizer.apply_chat_template(messages, tokenize=False, **options)
    return list(data.tokenizer(text, add_special_tokens=False)["input_ids"])


def test_what_is_lost_is_said(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    long = conversation("A question of so many words " * 9, "Yes.")
    cut = conversation("Hi", "A long, long answer " * 20)
    silent = conversation("Hello?")
    data = chat(block_size=64)
    with caplog.at_level(logging.WARNING):
        batch = batch_of(data, write([TWO, long, cut, silent]))
    assert len(batch["input_ids"]) == 2
    assert all((row != -100).any() for row in batch["labels"])
    expected = (
        "of 4 conversations of the train set, dropped 2 without an assistant turn in the first 64 "
        "tokens and truncated 1 (dataset.block_size)"
    )
    assert expected in caplog.text


MISTAKES: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "no assistant": (
        [conversation("Hello?")] * 2,
        {},
        "all 2 conversations of the train set are without",
    ),
    "another column": ([TWO], {"messages_column": "chat"}, "no column 'chat'"),
    "texts": (["Hi"], {}, "'Hi' is not a conversation: give a list of {role: user"),
    "other keys": (
        [[{"speaker": "human", "text": "Hi"}]],
        {},
        "is not a message of a conversation",
    ),
    "blocks": ([TWO], {"packing": "blocks"}, "set dataset.packing=documents or none"),
    "no template": ([TWO], {}, "has no chat template: set dataset.chat_template=<file>, such as"),
    "no prefix": ([TWO], {"chat_template": FORGETFUL}, "with {% generation %}"),
    "refused": ([SYSTEM], {"chat_template": ALTERNATING}, "The user has to begin"),
    "malformed": ([TWO], {"chat_template": "{% for %}"}, "set dataset.chat_template=<file>"),
    "no file": ([TWO], {"chat_template": "chat.jinja"}, "chat_template=chat.jinja: no file at"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake(mistake: str, project: Path) -> None:
    rows, hyperparameters, expected = MISTAKES[mistake]
    tokenizer = Backbone(f"{TINY}/gpt2").load_tokenizer()
    if mistake == "no template":
        tokenizer.chat_template = None
    file = write(rows)
    with pytest.raises(ConfigurationError) as caught:
        batch_of(chat(tokenizer, **hyperparameters), file)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_template_of_a_file_leaves_with_the_tokenizer(project: Path) -> None:
    Path("mine.jinja").write_text(CHATML)
    data = chat(chat_template="mine.jinja")
    data.tokenizer.save_pretrained("exported")
    assert Path("exported/chat_template.jinja").read_text() == CHATML
    assert data.hparams["chat_template"] == CHATML, "a checkpoint needs no file"
    assert chat(**{**data.hparams, "train_file": None}).tokenizer.chat_template == CHATML


def test_the_packaged_template_is_there_for_any_tokenizer() -> None:
    from lightning_transformers.task.nlp.language_modeling.chat_template import GENERIC_TEMPLATE

    assert chat(chat_template=GENERIC_TEMPLATE).tokenizer.chat_template == CHAT_TEMPLATE


@pytest.mark.parametrize(
    "x",
    [
        "Who's there?",
        {"text": "Who's there?"},
        message("user", "Who's there?"),
        conversation("Who's there?"),
        {"messages": conversation("Who's there?")},
        {"messages": conversation("Who's there?", "What is to be predicted")},
    ],
)
def test_inputs_to_predict_on_end_with_the_prompt_for_an_answer(x: Any) -> None:
    data = chat()
    (batch,) = data.predict_batches([x], 1)
    text = data.tokenizer.decode(batch["input_ids"][0])
    assert text == "### user\nWho's there?</s>\n### assistant\n"


@pytest.mark.parametrize("x", [{"content": "Hi"}, [], "", [1]])
def test_inputs_that_are_no_conversation(x: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"is not a (conversation|message)"):
        list(chat().predict_batches([x], 1))


@pytest.mark.parametrize("cls", sampled(CLASSES, ["generated"]))
def test_the_sample_is_learned_and_answered(cls: str, tmp_path: Path) -> None:
    data = chat(dataset_name="sample")
    task = CLASSES[cls](BACKBONE, optimizer={"_target_": "torch.optim.AdamW", "lr": 3e-3})
    before = trainer(tmp_path).validate(task, data, verbose=False)[0]["val/loss"]
    trainer(tmp_path, max_steps=15, limit_val_batches=0).fit(task, data)
    after = trainer(tmp_path).validate(task, data, verbose=False)[0]["val/loss"]
    assert after < before - 2
    question = "Where are the books on music?"
    (answer,) = task.predict([question], data)
    assert question not in answer, "the answer alone"
