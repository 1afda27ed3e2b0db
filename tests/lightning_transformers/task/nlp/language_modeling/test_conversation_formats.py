"""Conversations in the formats of common datasets are the same messages."""

import json
from pathlib import Path
from typing import Any

import pytest

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.task.nlp.language_modeling.conversation_formats import (
    conversation_columns,
    messages_in,
)
from tests.helpers.chats import TWO, batch_of, chat, learned, message

ASKED, ANSWERED = message("user", "Hi"), message("assistant", "Hello")
SYSTEM = message("system", "Be kind")
FORMATS: dict[str, tuple[dict[str, Any], list[dict[str, str]]]] = {
    "messages": ({"messages": [ASKED, ANSWERED]}, [ASKED, ANSWERED]),
    "ShareGPT": (
        {
            "system": "Be kind",
            "conversations": [
                {"from": "human", "value": "Hi"},
                {"from": "gpt", "value": "Hello"},
            ],
        },
        [SYSTEM, ASKED, ANSWERED],
    ),
    "a role in conversations": ({"conversations": [ASKED, ANSWERED]}, [ASKED, ANSWERED]),
    "Alpaca": ({"instruction": "Hi", "output": "Hello"}, [ASKED, ANSWERED]),
    "Alpaca with an input": (
        {"instruction": "Say", "input": "Hello", "output": "Hello"},
        [message("user", "Say\nHello"), ANSWERED],
    ),
    "Alpaca with an empty input": (
        {"instruction": "Hi", "input": "", "output": "Hello"},
        [ASKED, ANSWERED],
    ),
    "prompt": ({"prompt": "Hi", "completion": "Hello"}, [ASKED, ANSWERED]),
    "prompt and response": ({"prompt": "Hi", "response": "Hello"}, [ASKED, ANSWERED]),
    "prompt of messages": ({"prompt": [ASKED], "completion": [ANSWERED]}, [ASKED, ANSWERED]),
}


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_read_as_messages(name: str) -> None:
    row, messages = FORMATS[name]
    assert messages_in(row, "messages") == messages
    assert conversation_columns(row, None)


def test_a_named_column_precedes_the_others() -> None:
    row = {"talk": [ASKED], "messages": [ANSWERED], "prompt": "?", "completion": "!"}
    assert messages_in(row, "talk") == [ASKED]
    assert conversation_columns(row, "talk") == ("talk",)
    assert conversation_columns(["prompt"], None) == ()


def test_keys_of_a_message_are_kept() -> None:
    row = {"conversations": [{"from": "GPT", "value": "a", "weight": 0}]}
    assert messages_in(row, "messages") == [{"weight": 0, "role": "assistant", "content": "a"}]


def test_an_unknown_speaker() -> None:
    with pytest.raises(ConfigurationError, match=r"from 'narrator' \(known: .*human"):
        messages_in({"conversations": [{"from": "narrator", "value": "a"}]}, "messages")


@pytest.mark.parametrize("name", ["ShareGPT", "Alpaca with an input", "prompt"])
@pytest.mark.parametrize("streaming", [False, True])
def test_a_file_without_texts_is_read_as_conversations(
    name: str, streaming: bool, project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    row, _ = FORMATS[name]
    Path("rows.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(row) + "\n")
    data = chat(messages_column=None, packing="none", streaming=streaming)
    assert learned(data, batch_of(data, "rows.jsonl")) == ["Hello</s>", "Hello</s>"]
    column = "conversations" if name == "ShareGPT" else "messages"
    assert data.hparams["messages_column"] == column
    assert f"inferred dataset.messages_column={column}: the " in caplog.text


@pytest.mark.parametrize(
    "value",
    [
        {"instruction": "Hi"},
        {"prompt": "Hi"},
        {"conversations": [{"from": "human", "value": "Hi"}]},
        [{"from": "human", "value": "Hi"}],
        "Hi",
    ],
)
def test_prompts_in_each_format(value: Any) -> None:
    (expected,) = chat().predict_batches([[ASKED]], 1)
    (batch,) = chat().predict_batches([value], 1)
    assert batch["input_ids"].tolist() == expected["input_ids"].tolist()


def test_texts_precede_conversations(project: Path) -> None:
    row = {"text": "a text", "instruction": "Hi", "output": "Hello"}
    Path("rows.jsonl").write_text(json.dumps(row) + "\n")
    data = chat(messages_column=None, packing="none")
    assert "a text" in data.tokenizer.decode(batch_of(data, "rows.jsonl")["input_ids"][0])
    assert data.messages_column is None


def test_an_input_without_messages_has_a_reason() -> None:
    for value in ("", {"question": "?"}, {"messages": []}):
        with pytest.raises(ConfigurationError, match="is not a conversation"):
            chat().predict_rows([value])
    assert len(chat().predict_rows([TWO, "Hi"])) == 2
