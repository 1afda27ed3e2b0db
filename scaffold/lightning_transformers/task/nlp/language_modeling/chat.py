"""Tokenize conversations; only the assistant's turns contribute to the loss."""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Columns, Row
from lightning_transformers.data.collators import IGNORE_INDEX
from lightning_transformers.task.nlp.language_modeling.chat_template import (
    ASSISTANT,
    PREVIEW_CHARS,
    ChatTemplate,
    Conversation,
)
from lightning_transformers.task.nlp.language_modeling.conversation_formats import (
    all_columns,
    messages_in,
)
from lightning_transformers.task.nlp.language_modeling.documents import TOKENS

log = logging.getLogger(__name__)

TOOLS = "tools"
"""Optional column with the tools of a conversation, as JSON schemas."""


def encode_conversations(
    table: pa.Table, *, tokenizer: PreTrainedTokenizerBase, messages_column: str, max_length: int
) -> pa.Table:
    """Tokenize conversations, for `Dataset.map(batched=True)` on a dataset in Arrow format.

    Args:
        table: rows in one of the formats of `conversation_formats`.
        tokenizer: a fast tokenizer with a chat template.
        messages_column: name of the column of messages.
        max_length: maximum tokens in a conversation; longer ones are truncated.

    Returns:
        A table with `input_ids` and `labels`, lists of int32, and `cut`, whether the conversation
        was truncated. Labels are -100 outside the assistant's turns; a turn includes its
        end-of-turn token. Conversations without a label are dropped.

    Raises:
        ConfigurationError: for a row that is not a conversation, or that the template rejects.
    """
    # Arrow stores messages of mixed types as JSON, which a Dataset decodes.
    known = [*all_columns(messages_column), TOOLS]
    used = [name for name in known if name in table.column_names]
    chats = conversations(Dataset(table.select(used))[:], messages_column)
    found = [
        (ids[:max_length], np.where(learned, ids, IGNORE_INDEX)[:max_length], len(ids) > max_length)
        for ids, learned in tokenize_chats(tokenizer, chats)
        if learned[1:max_length].any()  # the first token is not predicted
    ]
    ids, labels, cut = zip(*found, strict=True) if found else ((), (), ())
    return pa.table(
        {
            "input_ids": pa.array(ids, TOKENS),
            "labels": pa.array(labels, TOKENS),
            "cut": pa.array(cut, pa.bool_()),
        }
    )


def encode_prompts(
    columns: Columns, *, tokenizer: PreTrainedTokenizerBase, messages_column: str
) -> Columns:
    """Return the `input_ids` of prompts for the assistant's next turn, a list per row.

    If the assistant has the last turn, the prompt ends before it.

    Args:
        columns: the rows.
        tokenizer: a tokenizer with a chat template.
        messages_column: name of the column of messages.

    Raises:
        ConfigurationError: for a row that is not a conversation, or that the template rejects.
    """
    template = ChatTemplate(tokenizer)
    texts = []
    for chat in conversations(columns, messages_column):
        answered = chat.messages[-1]["role"] == ASSISTANT
        texts.append(template.prompt(chat.first(len(chat.messages) - answered)))
    return {"input_ids": tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]}


def conversations(columns: Columns, messages_column: str) -> list[Conversation]:
    """Return the conversation of each row; an invalid one is a ConfigurationError.

    Args:
        columns: the rows.
        messages_column: name of the column of messages.
    """
    known = [*all_columns(messages_column), TOOLS]
    present = {name: columns[name] for name in known if name in columns}
    rows = [
        dict(zip(present, values, strict=True)) for values in zip(*present.values(), strict=True)
    ]
    return [
        Conversation(
            drop_nulls(check_messages(messages_in(row, messages_column))),
            parse_tools(row.get(TOOLS)),
        )
        for row in rows
    ]


def drop_nulls(value: Any) -> Any:
    """Return a value without the mapping entries that are null, at any depth.

    Arrow adds such entries to give all rows the same keys; those in the data are dropped as well.
    """
    if isinstance(value, Mapping):
        return {key: drop_nulls(inner) for key, inner in value.items() if inner is not None}
    return [*map(drop_nulls, value)] if isinstance(value, list) else value


def check_messages(messages: Any) -> Sequence[Mapping[str, Any]]:
    """Return the messages; raises ConfigurationError if they are not a conversation."""
    if not isinstance(messages, list) or not messages:
        raise ConfigurationError(
            f"{repr(messages)[:PREVIEW_CHARS]} is not a conversation: give a list of "
            "{role: user, content: …} and {role: assistant, content: …}"
        )
    for message in messages:
        if not (isinstance(message, Mapping) and message.get("role")):
            raise ConfigurationError(
                f"{repr(message)[:PREVIEW_CHARS]} is not a message of a conversation: give it a "
                "role, {role: user, content: …}"
            )
        content = message.get("content")
        parts = isinstance(content, list) and all(isinstance(part, Mapping) for part in content)
        if not (content is None or isinstance(content, str) or parts):
            raise ConfigurationError(
                f"message content {repr(content)[:PREVIEW_CHARS]} is neither a text nor a list of "
                "parts: if some messages have lists, write all as [{type: text, text: …}]"
            )
    return messages


def parse_tools(tools: Any) -> Any:
    """Return the tools of a conversation, or None; raises ConfigurationError if a text is not JSON.

    Args:
        tools: a list of JSON schemas, or the list as a JSON text.
    """
    if not isinstance(tools, str) or not tools:
        return drop_nulls(tools) or None
    try:
        return json.loads(tools) or None
    except ValueError as error:
        raise ConfigurationError(
            f"tools {tools[:PREVIEW_CHARS]!r} are not JSON ({error}): give a list of JSON schemas"
        ) from error


def tokenize_chats(
    tokenizer: PreTrainedTokenizerBase, chats: Sequence[Conversation]
) -> list[tuple[NDArray[np.int32], NDArray[np.bool_]]]:
    """Tokenize conversations, and find the tokens that contribute to the loss.

    Args:
        tokenizer: a fast tokenizer with a chat template.
        chats: the conversations.

    Returns:
        For each conversation the token ids, (tokens,), int32, and a mask of those that contribute
        to the loss, (tokens,), bool.

    Raises:
        ConfigurationError: as `ChatTemplate.assistant_spans` does.
    """
    template = ChatTemplate(tokenizer)
    parts = [template.assistant_spans(chat) for chat in chats]
    encoding = tokenizer(
        [text for text, _ in parts],
        add_special_tokens=False,
        return_offsets_mapping=True,
        verbose=False,
    )
    both = []
    for ids, places, (_, spans) in zip(
        encoding["input_ids"], encoding["offset_mapping"], parts, strict=True
    ):
        starts, ends = np.array(places, np.int64).reshape(-1, 2).T
        # Some tokenizers give a space an empty span at its end (`trim_offsets`).
        starts = np.minimum(starts, ends - 1)
        # A special token may include the spaces that follow it (`rstrip`).
        ends = np.where(np.isin(ids, template.special_ids), starts + 1, ends)
        learned = np.zeros(len(ids), np.bool_)
        for start, end in spans:
            learned |= (ends > start) & (starts < end)
        both.append((np.array(ids, np.int32), learned))
    return both


def prompt_row(value: Any, column: str) -> Row:
    """Return an input to predict on as a row with `column` and `tools`.

    Args:
        value: the user's message as a text, one message, a list of messages, or a row.
        column: name of the column of messages.

    Raises:
        ConfigurationError: for an unknown speaker in `from`.
    """
    row = message_row(value, column)
    return {column: messages_in(row, column), TOOLS: row.get(TOOLS)}


def message_row(value: Any, column: str) -> Row:
    """Return an input to predict on as a row of its format: rows unchanged, others in `column`."""
    if isinstance(value, str) and value.strip():
        value = [{"role": "user", "content": value}]
    elif isinstance(value, Mapping) and "role" not in value:
        return dict(value)
    elif isinstance(value, Mapping):
        value = [value]
    return {column: value}


def report_dropped(split: str, rows: Dataset, kept: Dataset, length: int) -> None:
    """Log a warning if conversations were dropped or truncated.

    Args:
        split: name of the split.
        rows: the conversations.
        kept: the result of `encode_conversations`.
        length: maximum tokens in a conversation.

    Raises:
        ConfigurationError: if all were dropped.
    """
    reason = f"without an assistant turn in the first {length} tokens"
    if len(kept) == 0:
        raise ConfigurationError(
            f"all {len(rows)} conversations of the {split} set are {reason}: increase "
            "dataset.block_size or check the roles"
        )
    dropped, cut = len(rows) - len(kept), pc.sum(kept.data["cut"]).as_py()
    if dropped or cut:
        log.warning(
            "of %d conversations of the %s set, dropped %d %s and truncated %d "
            "(dataset.block_size)",
            *(len(rows), split, dropped, reason, cut),
        )
