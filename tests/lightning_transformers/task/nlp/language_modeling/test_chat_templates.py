"""The labels of a chat are correct with the chat templates of common models."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken
from tokenizers.processors import ByteLevel
from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.models.backbone import Backbone
from lightning_transformers.task.nlp.language_modeling.chat import tokenize_chats
from lightning_transformers.task.nlp.language_modeling.chat_template import (
    ChatTemplate,
    Conversation,
)
from tests.helpers.chats import MARKED, TWO, conversation, message
from tests.helpers.language_modeling import TINY

SPECIAL = [
    *("<|im_start|>", "<|im_end|>"),
    *("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    *("<start_of_turn>", "<end_of_turn>"),
    *("<|start|>", "<|channel|>", "<|message|>", "<|return|>"),
    AddedToken("<|user|>", rstrip=True, special=True),
    AddedToken("<|assistant|>", rstrip=True, special=True),
    AddedToken("<|end|>", rstrip=True, special=True),
]
QWEN2 = (
    "{%- for m in messages %}{{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}"
    "{%- endfor %}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"
)
LLAMA3 = (
    "{% for message in messages %}{% set content = '<|start_header_id|>' + message['role'] + "
    "'<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 "
    "%}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}"
    "{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != "
    "(loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate') }}{% endif "
    "%}{% if message['role'] == 'assistant' %}{% set role = 'model' %}{% else %}{% set role = "
    "message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\n' + message['content'] | trim "
    "+ '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
PHI3 = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>\n' + message['content'] + "
    "'<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}"
)
QWEN3 = r"""
{%- set ns = namespace(last=messages|length - 1) %}
{%- for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.role != 'assistant' %}
        {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}
    {%- else %}
        {%- set content = message.content %}{%- set thought = '' %}
        {%- if message.reasoning_content is string %}
            {%- set thought = message.reasoning_content %}
        {%- elif '</think>' in content %}
            {%- set thought = content.split('</think>')[0].split('<think>')[-1].strip('\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\n') %}
        {%- endif %}
        {{- '<|im_start|>' + message.role + '\n' }}
        {%- if loop.index0 > ns.last and (loop.last or thought) %}
            {{- '<think>\n' + thought.strip('\n') + '\n</think>\n\n' }}
        {%- endif %}
        {{- content }}
        {%- for call in message.tool_calls or [] %}
            {{- '\n<tool_call>\n' + (call|tojson) + '\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}
"""
HARMONY = (
    "{% for m in messages %}{% if m.role == 'assistant' %}"
    "{{ '<|start|>assistant<|channel|>final<|message|>' + m.content }}{% if loop.last and not "
    "add_generation_prompt %}{{ '<|return|>' }}{% else %}{{ '<|end|>' }}{% endif %}{% else %}"
    "{{ '<|start|>' + m.role + '<|message|>' + m.content + '<|end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start|>assistant' }}{% endif %}"
)
BETWEEN = (
    "{% for m in messages %}{{ '[INST]' + m.content + '[/INST]' if m.role == 'user' else "
    "m.content + '\n' }}{% if m.role == 'assistant' and not loop.last %}{{ eos_token }}{% endif %}"
    "{% endfor %}"
)
THOUGHTLESS = "<think>\n\n</think>\n\n"


def marked(inside: str, behind: str) -> str:
    """Return a template with marks."""
    return (
        "{% for m in messages %}{{ '<|start_header_id|>' + m.role }}{% if m.role == 'assistant' "
        "%}{% generation %}{{ m.content + '" + inside + "' }}{% endgeneration %}{{ '" + behind + "'"
        " }}{% else %}{{ m.content + '" + inside + behind + "' }}{% endif %}{% endfor %}"
    )


def tokenizer_of(template: str, trim: bool = True) -> Any:
    """Return a tokenizer with the special tokens of known models.

    Args:
        template: the chat template.
        trim: whether the places of tokens leave out spaces, as in GPT-2 and Llama-3.
    """
    tokenizer: Any = Backbone(f"{TINY}/gpt2").load_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": SPECIAL})
    tokenizer.backend_tokenizer.post_processor = ByteLevel(trim_offsets=trim)
    tokenizer.chat_template = template
    return tokenizer


def learned_of(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Any], tools: Any = None
) -> str:
    """Return the labelled tokens of a conversation, as text."""
    ((ids, flags),) = tokenize_chats(tokenizer, [Conversation(messages, tools)])
    return str(tokenizer.decode(ids[flags]))


A, B = "Hello, you.", "Nobody, my dear."
FINAL = "<|channel|>final<|message|>"
TEMPLATES = {
    "chatml": (QWEN2, f"{A}<|im_end|>\n{B}<|im_end|>\n"),
    "llama3": (LLAMA3, f"{A}<|eot_id|>{B}<|eot_id|>"),
    "gemma": (GEMMA, f"{A}<end_of_turn>\n{B}<end_of_turn>\n"),
    # It ends a conversation, but no turn, with the end of the text.
    "phi3": (PHI3, f"{A}<|end|>{B}<|end|></s>"),
    # It has the tags for thoughts in the last turn alone.
    "qwen3": (QWEN3, f"{A}<|im_end|>{THOUGHTLESS}{B}<|im_end|>\n"),
    # It begins an answer with special tokens, and ends the last one with another.
    "harmony": (HARMONY, f"{FINAL}{A}<|end|>{FINAL}{B}<|return|>"),
    # It ends each turn but the last.
    "between": (BETWEEN, f"{A}\n</s>{B}\n"),
    "marked, end of sequence behind": (marked("", "</s>"), f"{A}</s>{B}</s>"),
    "marked, end of turn behind": (marked("", "<|end|>"), f"{A}<|end|>{B}<|end|>"),
    "marked, end of turn within": (marked("<|eot_id|>", ""), f"{A}<|eot_id|>{B}<|eot_id|>"),
    "marked, spaced end of sequence behind": (marked("", " </s>"), f"{A} </s>{B} </s>"),
    # Another token behind blanks may begin the next turn.
    "marked, spaced end of turn behind": (marked("", "\n<|end|>"), f"{A}{B}"),
    "marked with line": (marked("<|im_end|>\n", ""), f"{A}<|im_end|>\n{B}<|im_end|>\n"),
}


@pytest.mark.parametrize("trim", [True, False])
@pytest.mark.parametrize("name", TEMPLATES)
def test_all_turns_are_learned_with_their_end(name: str, trim: bool) -> None:
    template, expected = TEMPLATES[name]
    tokenizer = tokenizer_of(template, trim)
    assert learned_of(tokenizer, TWO) == expected


SPACED = ["Hello. ", "Hello.\n", " Hello.", "\tHello", " ", "", "Hé — ñ ", "a  b \n c", "<b>"]


@pytest.mark.parametrize("name", ["chatml", *[name for name in TEMPLATES if "marked" in name]])
@pytest.mark.parametrize("trim", [True, False])
def test_spaces_at_the_edges_neither_lose_nor_add_a_turn(name: str, trim: bool) -> None:
    template, expected = TEMPLATES[name]
    tokenizer = tokenizer_of(template, trim)
    for first in SPACED:
        for second in SPACED:
            messages = conversation("Hi", first, "A secret question", second)
            result = learned_of(tokenizer, messages)
            assert result == expected.replace(A, first).replace(B, second), (first, second)


@pytest.mark.parametrize("trim", [True, False])
def test_a_space_at_the_end_is_learned(trim: bool) -> None:
    messages = conversation("Hi", "Hello. ", "Why?", "So.  ")
    assert learned_of(tokenizer_of(marked("", "\n"), trim), messages) == "Hello. So.  "


@pytest.mark.parametrize("trim", [True, False])
def test_the_role_is_not_learned_with_the_space_behind_it(trim: bool) -> None:
    """`rstrip` of Phi-3's tokens takes in the spaces that an answer begins with."""
    messages = conversation("Hi", " Hello.", "Why?", "")
    result = learned_of(tokenizer_of(PHI3, trim), messages)
    assert result == "Hello.<|end|><|end|></s>"


def test_an_answer_goes_on_behind_a_special_token_in_it() -> None:
    messages = conversation("Hi", "Here: <|eot_id|>f(x)", "Why?", "So.")
    result = learned_of(tokenizer_of(PHI3), messages)
    assert result == "Here: <|eot_id|>f(x)<|end|>So.<|end|></s>"


def test_the_mask_of_transformers_learns_what_the_user_says() -> None:
    """The counterpart: the tokens that transformers itself gives for the marks."""
    tokenizer = tokenizer_of(MARKED)
    messages = conversation("Hi", "Hello. ", "A secret question", "Fine.")
    encoding = tokenizer.apply_chat_template(
        messages, return_dict=True, return_assistant_tokens_mask=True
    )
    both = zip(encoding["input_ids"], encoding["assistant_masks"], strict=True)
    assert "A secret question" in tokenizer.decode([token for token, mask in both if mask])
    assert learned_of(tokenizer, messages) == "Hello. </s>Fine.</s>"


@settings(deadline=None)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=4), st.sampled_from([True, False]))
def test_marks_and_prompts_agree(answers: list[str], trim: bool) -> None:
    """For any answers, a template gives the same labels with and without marks."""
    messages = [m for answer in answers for m in conversation("Why? ", answer)]
    without = QWEN2.replace("<|im_end|>\n", "<|im_end|>")
    marks = marked("", "<|im_end|>").replace("start_header_id", "im_start")
    marks = marks.replace("+ m.role", "+ m.role + '\n'")
    results = [learned_of(tokenizer_of(template, trim), messages) for template in (without, marks)]
    assert results[0] == results[1]


@pytest.mark.parametrize("name", ["chatml", "llama3", "phi3", "qwen3"])
@pytest.mark.parametrize("before", [[], [message("system", "Be brief.")]])
def test_what_the_assistant_says_first_is_learned(before: list[Any], name: str) -> None:
    tokenizer = tokenizer_of(TEMPLATES[name][0])
    greeting = [message("assistant", "Good day."), *conversation("Hi", "Yes?")]
    result = learned_of(tokenizer, [*before, *greeting])
    assert result.startswith("Good day.<|")
    assert "Hi" not in result
    assert "Yes?<|" in result


def test_tags_of_thoughts_may_be_special_tokens() -> None:
    tokenizer = tokenizer_of(QWEN3)
    tokenizer.add_special_tokens({"additional_special_tokens": [*SPECIAL, "<think>", "</think>"]})
    assert learned_of(tokenizer, TWO) == TEMPLATES["qwen3"][1]


def test_thoughts_that_a_template_drops_are_refused() -> None:
    tokenizer = tokenizer_of(QWEN3)
    thinking = conversation("Hi", "<think>\nA guest\n</think>\n\nHello.", "Why?", "So.")
    for messages in (
        thinking,
        [
            thinking[0],
            {**message("assistant", "Hello."), "reasoning_content": "A guest"},
            *thinking[2:],
        ],
    ):
        with pytest.raises(
            ConfigurationError, match=r"renders message 2 of the conversation.*'Hi'"
        ):
            learned_of(tokenizer, messages)
    assert "A guest" in learned_of(tokenizer, thinking[:2])


def test_calls_of_tools_are_learned_and_their_answers_are_not() -> None:
    call = {"name": "clock", "arguments": {"zone": "UTC"}}
    messages = [
        message("user", "What time is it?"),
        {"role": "assistant", "content": "", "tool_calls": [call]},
        message("tool", "noon"),
        message("assistant", "It is noon."),
        *conversation("Thanks", "Bye."),
    ]
    result = learned_of(tokenizer_of(QWEN3), messages)
    assert "<tool_call>" in result
    assert "It is noon.<|im_end|>" in result
    assert "It is noon." not in result.split("<|im_end|>")[0]
    assert "\nnoon" not in result


def test_rendering_does_not_grow_with_the_square_where_it_need_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A question and its answer are rendered as a whole, and as a prompt: once each."""
    template = ChatTemplate(tokenizer_of(QWEN2))
    seen: list[Any] = []
    render = template.render
    monkeypatch.setattr(
        template, "render", lambda *args, **kwargs: seen.append(args) or render(*args, **kwargs)
    )
    template.assistant_spans(Conversation(conversation("Hi", "Yes.")))
    assert len(seen) == 2
