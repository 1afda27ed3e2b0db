"""Conversations as tokens, of which what the assistant says is learned."""

import json
import logging
from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.data.collators import IGNORE_INDEX
from lightning_transformers.task.nlp.language_modeling.chat_template import (
    ASSISTANT,
    SHOWN,
    ChatTemplate,
    Conversation,
)
from lightning_transformers.task.nlp.language_modeling.documents import TOKENS

log = logging.getLogger(__name__)

TOOLS = "tools"
"""The column of the tools that a conversation may use, where there is one."""


def encode_conversations(
    table: pa.Table, *, tokenizer: PreTrainedTokenizerBase, messages_column: str, max_length: int
) -> pa.Table:
    """Return conversations as documents, for `Dataset.map(batched=True)` on an Arrow dataset.

    Args:
        table: rows with a column of messages, `{role: …, content: …}` each.
        tokenizer: has a chat template.
        messages_column: name of that column.
        max_length: tokens of a conversation that count; the rest is cut off.

    Returns:
        `input_ids`; `labels`, which are -100 but for what the assistant says, the end of its turn
        included; and whether the end was `cut`. A conversation without a label is left out.

    Raises:
        ConfigurationError: for a row that is no conversation, or not one for the template.
    """
    # Arrow has messages that are not all of one kind as JSON, which a dataset reads.
    used = [name for name in (messages_column, TOOLS) if name in table.column_names]
    chats = conversations(Dataset(table.select(used))[:], messages_column)
    found = [
        (ids[:max_length], np.where(learned, ids, IGNORE_INDEX)[:max_length], len(ids) > max_length)
        for ids, learned in encoded(tokenizer, chats)
        if learned[1:max_length].any()  # nothing predicts the first token
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
    columns: Mapping[str, list[Any]], *, tokenizer: PreTrainedTokenizerBase, messages_column: str
) -> dict[str, Any]:
    """Return conversations as `input_ids` that end where the assistant is to speak.

    What the assistant says last is left out: it is what is to be predicted.
    """
    template = ChatTemplate(tokenizer)
    texts = []
    for chat in conversations(columns, messages_column):
        answered = chat.messages[-1]["role"] == ASSISTANT
        texts.append(template.prompt(chat.first(len(chat.messages) - answered)))
    return {"input_ids": tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]}


def conversations(columns: Mapping[str, Any], messages_column: str) -> list[Conversation]:
    """Return the conversations of rows; raises ConfigurationError for what is none."""
    tools = columns[TOOLS] if TOOLS in columns else repeat(None)
    rows = zip(columns[messages_column], tools, strict=False)
    return [
        Conversation(without_gaps(checked(messages)), parsed(of_all)) for messages, of_all in rows
    ]


def without_gaps(value: Any) -> Any:
    """Return a value without the keys that Arrow gives to all rows where one has them."""
    if isinstance(value, Mapping):
        return {key: without_gaps(inner) for key, inner in value.items() if inner is not None}
    return [*map(without_gaps, value)] if isinstance(value, list) else value


def checked(messages: Any) -> Sequence[Mapping[str, Any]]:
    """Return a conversation; raises ConfigurationError for what is none."""
    is_list = isinstance(messages, list) and messages
    if not is_list or not all(isinstance(m, Mapping) and m.get("role") for m in messages):
        raise ConfigurationError(
            f"{repr(messages)[:SHOWN]} is no conversation: give a list of "
            "{role: user, content: …} and {role: assistant, content: …}"
        )
    for message in messages:
        content = message.get("content")
        parts = isinstance(content, list) and all(isinstance(part, Mapping) for part in content)
        if not (content is None or isinstance(content, str) or parts):
            raise ConfigurationError(
                f"the content {repr(content)[:SHOWN]} of a message is neither a text nor a list of "
                "parts: where some are lists, give all as [{type: text, text: …}]"
            )
    return messages  # type: ignore[no-any-return]


def parsed(tools: Any) -> Any:
    """Return the tools of a conversation, which some datasets have as JSON, or None."""
    if not isinstance(tools, str) or not tools:
        return without_gaps(tools) or None
    try:
        return json.loads(tools) or None
    except ValueError as error:
        raise ConfigurationError(
            f"the tools {tools[:SHOWN]!r} are no JSON ({error}): give a list of JSON schemas"
        ) from error


def encoded(
    tokenizer: PreTrainedTokenizerBase, chats: Sequence[Conversation]
) -> list[tuple[NDArray[np.int32], NDArray[np.bool_]]]:
    """Return the tokens of each conversation, and which of them the assistant says."""
    template = ChatTemplate(tokenizer)
    parts = [template.answers(chat) for chat in chats]
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
        # Of a space, some tokenizers give the end alone (`trim_offsets`).
        starts = np.minimum(starts, ends - 1)
        # A special token may have the spaces behind it (`rstrip`), and is where it begins.
        ends = np.where(np.isin(ids, template.special_ids), starts + 1, ends)
        learned = np.zeros(len(ids), np.bool_)
        for start, end in spans:
            learned |= (ends > start) & (starts < end)
        both.append((np.array(ids, np.int32), learned))
    return both


def as_row(value: Any, column: str) -> dict[str, Any]:
    """Return an input to predict on as a row: a text is what the user says."""
    tools = None
    if isinstance(value, str) and value:
        value = [{"role": "user", "content": value}]
    elif isinstance(value, Mapping) and column in value:
        value, tools = value[column], value.get(TOOLS)
    elif isinstance(value, Mapping) and "role" in value:
        value = [value]
    return {column: value, TOOLS: tools}


def report_lost(split: str, rows: Dataset, kept: Dataset, length: int) -> None:
    """Log a warning if conversations are left out or cut; raise ConfigurationError if all are.

    Args:
        split: the split, for the message.
        rows: the conversations.
        kept: those of them in which something is learned.
        length: tokens of a conversation that count.
    """
    of_all = f"of {len(rows)} conversations of the {split} set"
    silent = f"the assistant says nothing within {length} tokens"
    if len(kept) == 0:
        raise ConfigurationError(
            f"{of_all} none is left: {silent}: set dataset.block_size, or look at the roles"
        )
    left_out, cut = len(rows) - len(kept), pc.sum(kept.data["cut"]).as_py()
    if left_out or cut:
        log.warning(
            "%s %d are left out, where %s, and %d lose their end (dataset.block_size)",
            *(of_all, left_out, silent, cut),
        )
