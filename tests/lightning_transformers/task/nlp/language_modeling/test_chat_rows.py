"""Rows of chats with tools and with contents of several kinds, and errors in them."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.models.backbone import Backbone
from tests.helpers.chats import CHATML, MARKED, TWO, batch_of, chat, learned, message, write
from tests.helpers.language_modeling import TINY, model

TOOLS = "{{ tools | tojson if tools else 'none' }}"
CLOCK = {"name": "clock", "parameters": {"zone": "a name"}}


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("as_json", [False, True])
def test_tools_reach_the_template(as_json: bool, streaming: bool, project: Path) -> None:
    tools: Any = json.dumps([CLOCK]) if as_json else [CLOCK]
    rows = [{"messages": TWO, "tools": tools}, {"messages": TWO, "tools": None}]
    Path("tools.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = chat(chat_template=TOOLS + CHATML, packing="none", streaming=streaming)
    first, second = map(data.tokenizer.decode, batch_of(data, "tools.jsonl")["input_ids"])
    assert first.startswith(json.dumps([CLOCK]))
    assert second.startswith("none")
    (batch,) = data.predict_batches([{"messages": TWO, "tools": tools}, "Hi"], 2)
    assert [data.tokenizer.decode(ids)[:4] for ids in batch["input_ids"]] == ['[{"n', "none"]


@pytest.mark.parametrize("streaming", [False, True])
def test_tools_and_calls_have_no_keys_of_other_rows(streaming: bool, project: Path) -> None:
    """Arrow gives the keys of one row to all, and to rows without them no value."""
    calls = CHATML.replace("m.content +", "m.content + ((m.tool_calls or []) | tojson) +")
    of_rows = [{"zone": "UTC"}, {"city": "Paris"}]
    rows = [
        {
            "messages": [message("user", "?"), {**message("assistant", ""), "tool_calls": [keys]}],
            "tools": [{"name": "f", "keys": keys}],
        }
        for keys in of_rows
    ]
    pq.write_table(pa.Table.from_pylist(rows), "calls.parquet")
    data = chat(chat_template=TOOLS + calls, packing="none", streaming=streaming)
    texts = map(data.tokenizer.decode, batch_of(data, "calls.parquet")["input_ids"])
    for text, keys in zip(texts, of_rows, strict=True):
        assert text.count(json.dumps(keys)) == 2, text


def test_tools_that_are_no_json() -> None:
    with pytest.raises(ConfigurationError, match=r"tools '\[clock\]' are not JSON"):
        list(chat().predict_batches([{"messages": TWO, "tools": "[clock]"}], 1))


def test_a_file_to_predict_on_has_contents_of_two_kinds(project: Path) -> None:
    data = chat(chat_template=PARTS)
    data.train_file = data.validation_file = write([TWO])
    rows = [[message("user", "Hi")], [{"role": "user", "content": parts("A list?")}]]
    Path("ask.jsonl").write_text("".join(json.dumps({"messages": row}) + "\n" for row in rows))
    data.predict_file = "ask.jsonl"
    data.setup("predict")
    (batch,) = data.predict_dataloader()
    texts = data.tokenizer.batch_decode(batch["input_ids"], skip_special_tokens=True)
    assert texts == [f"# user\n{x}# assistant\n" for x in ("Hi", "A list?")]


@pytest.mark.parametrize("template", [CHATML, MARKED])
@pytest.mark.parametrize("off", [{"train": False}, {"weight": 0}])
@pytest.mark.parametrize("streaming", [False, True])
def test_a_message_may_be_excepted(
    streaming: bool, off: dict[str, Any], template: str, project: Path
) -> None:
    first, wrong, *rest = TWO
    data = chat(chat_template=template, streaming=streaming)
    (result,) = learned(data, batch_of(data, write([[first, {**wrong, **off}, *rest]])))
    assert result.strip() == "Nobody, my dear.</s>"


def test_exceptions_and_marks_have_to_agree(project: Path) -> None:
    twice = MARKED.replace("{{ m.content }}{% endg", "{{ m.content }}{% endgeneration %}"
                           "{% generation %}!{% endg")  # fmt: skip
    data = chat(chat_template=twice)
    with pytest.raises(ConfigurationError, match=r"has 4 {% generation %} parts for 2 answers"):
        batch_of(data, write([[TWO[0], {**TWO[1], "train": False}, *TWO[2:]]]))
    with pytest.raises(ConfigurationError, match=r"a message has 'weight: 0.5': use 1 or true"):
        batch_of(chat(), write([[TWO[0], {**TWO[1], "weight": 0.5}, *TWO[2:]]]))


PARTS = (
    "{% for m in messages %}{{ '# ' + m.role + '\n' }}{% if m.content is string %}{{ m.content }}"
    "{% else %}{% for part in m.content %}{{ part.text }}{% endfor %}{% endif %}{{ '</s>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '# assistant\n' }}{% endif %}"
)


def parts(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text}]


@pytest.mark.parametrize("streaming", [False, True])
def test_contents_of_two_kinds_are_read_as_what_they_are(streaming: bool, project: Path) -> None:
    """Arrow has them as JSON, in which a text has quotation marks and escapes."""
    other = [{"role": "user", "content": parts("A list?")}, message("assistant", 'A "text".')]
    data = chat(chat_template=PARTS, streaming=streaming, packing="none")
    batch = batch_of(data, write([TWO, other]))
    assert learned(data, batch) == ["Hello, you.</s>Nobody, my dear.</s>", 'A "text".</s>']
    assert "# user\nA list?</s>" in data.tokenizer.decode(batch["input_ids"][1])


@pytest.mark.parametrize("streaming", [False, True])
def test_messages_may_have_keys_of_their_own(streaming: bool, project: Path) -> None:
    named = [{**message("user", "Hi"), "name": "Ann"}, {**message("assistant", "5"), "x": [1]}]
    data = chat(packing="none", streaming=streaming)
    assert learned(data, batch_of(data, write([named, TWO])))[0] == "5</s>"


def test_inputs_to_predict_on_may_be_of_two_kinds() -> None:
    data = chat(chat_template=PARTS)
    inputs = ["true", [{"role": "user", "content": parts("A list?"), "name": "Ann"}], "5"]
    (batch,) = data.predict_batches(inputs, 3)
    texts = data.tokenizer.batch_decode(batch["input_ids"], skip_special_tokens=True)
    assert texts == [f"# user\n{x}# assistant\n" for x in ("true", "A list?", "5")]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[{"role": "user", "content": parts("Hi")}, *TWO[1:]]], "rejects the conversation"),
        (
            [[{"role": "user", "content": {"x": 1}}, *TWO[1:]]],
            "message content {'x': 1} is neither",
        ),
        (["Two\nlines"], "'Two\\nlines' is not a conversation"),
    ],
)
def test_contents_that_the_template_does_not_take(
    rows: list[Any], expected: str, project: Path
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        batch_of(chat(), write(rows))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_conversation_that_is_refused_is_named(project: Path) -> None:
    rows = [TWO] * 5 + [[message("user", "Find me!"), message("user", "Here!")]]
    alternating = (
        "{% if messages[-1].content == 'Here!' %}{{ raise_exception('Out of turn') }}{% endif %}"
    )
    with pytest.raises(ConfigurationError, match="the conversation 'Find me!': Out of turn"):
        batch_of(chat(chat_template=alternating + CHATML), write(rows))


def test_several_templates_without_a_default(project: Path) -> None:
    tokenizer = Backbone(f"{TINY}/gpt2").load_tokenizer()
    tokenizer.chat_template = {"rag": CHATML, "tool_use": CHATML}
    with pytest.raises(
        ConfigurationError, match=r"several chat templates \(rag, tool_use\) but none"
    ):
        batch_of(chat(tokenizer), write([TWO]))
    tokenizer.chat_template = {"rag": MARKED, "default": CHATML}
    assert learned(chat(tokenizer), batch_of(chat(tokenizer), write([TWO])))


def test_a_tokenizer_that_does_not_say_where_tokens_are(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = chat()
    monkeypatch.setattr(type(data.tokenizer), "is_fast", False)
    with pytest.raises(ConfigurationError, match="gives no character offsets"):
        batch_of(data, write([TWO]))
    assert list(data.predict_batches(["Hi"], 1))


def test_the_pipeline_has_the_template_of_the_data(project: Path) -> None:
    task, data = model(), chat(chat_template=CHATML)
    assert task.hf_pipeline.tokenizer.chat_template != CHATML
    task.attach_data(data)
    assert task.hf_pipeline.tokenizer.chat_template == CHATML
