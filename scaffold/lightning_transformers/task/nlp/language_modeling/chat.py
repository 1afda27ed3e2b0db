"""Conversations as the tokenizer's chat template has them, with the assistant's turns to learn."""

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset
from hydra.utils import to_absolute_path
from jinja2 import TemplateError
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from lightning_transformers.core.collate import IGNORED
from lightning_transformers.core.resources import local_path
from lightning_transformers.errors import ConfigurationError, first_line
from lightning_transformers.task.nlp.language_modeling.documents import TOKENS

log = logging.getLogger(__name__)

Message = Mapping[str, Any]
Flags = NDArray[np.bool_]
PLAIN = "pkg://lightning_transformers/assets/tiny/gpt2/chat_template.jinja"
"""A template for any tokenizer, which names roles in words."""
ASSISTANT = "assistant"
MARKED = re.compile(r"{%-?\s*generation\b")


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
    conversations = [checked(messages) for messages in table[messages_column].to_pylist()]
    found = [
        (ids[:max_length], np.where(learned, ids, IGNORED)[:max_length], len(ids) > max_length)
        for ids, learned in encoded(tokenizer, conversations)
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
    texts = []
    for messages in map(checked, columns[messages_column]):
        asked = messages[:-1] if messages[-1]["role"] == ASSISTANT else messages
        texts.append(rendered(tokenizer, asked, add_generation_prompt=True))
    return {"input_ids": tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]}


def checked(messages: Any) -> Sequence[Message]:
    """Return a conversation; raises ConfigurationError for what is none."""
    is_list = isinstance(messages, list) and messages
    if not is_list or not all(isinstance(m, Mapping) and m.get("role") for m in messages):
        raise ConfigurationError(
            f"{str(messages)[:80]} is no conversation: give a list of "
            "{role: user, content: …} and {role: assistant, content: …}"
        )
    return messages  # type: ignore[no-any-return]


def encoded(
    tokenizer: PreTrainedTokenizerBase, conversations: Sequence[Sequence[Message]]
) -> list[tuple[NDArray[np.int32], Flags]]:
    """Return the tokens of each conversation, and which of them the assistant says."""
    if MARKED.search(str(tokenizer.get_chat_template())):
        return marked_turns(tokenizer, conversations)
    parts = [turns(tokenizer, messages) for messages in conversations]
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
        learned = np.zeros(len(ids), np.bool_)
        for start, end in spans:
            learned |= (ends > start) & (starts < end)
        both.append((np.array(ids, np.int32), learned))
    return both


def marked_turns(
    tokenizer: PreTrainedTokenizerBase, conversations: Sequence[Sequence[Message]]
) -> list[tuple[NDArray[np.int32], Flags]]:
    """Return what a template marks with `{% generation %}`, and the end-of-turn after it."""
    try:
        encoding: Any = tokenizer.apply_chat_template(
            [list(messages) for messages in conversations],  # type: ignore[arg-type]
            return_dict=True,
            return_assistant_tokens_mask=True,
        )
    except TemplateError as error:
        raise refused(error) from error
    both = []
    for tokens, mask in zip(encoding["input_ids"], encoding["assistant_masks"], strict=True):
        ids, learned = np.array(tokens, np.int32), np.array(mask, np.bool_)
        # Many a template closes its mark before the token that ends the turn.
        learned[1:] |= learned[:-1] & (ids[1:] == tokenizer.eos_token_id)
        both.append((ids, learned))
    return both


def turns(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]
) -> tuple[str, list[tuple[int, int]]]:
    """Return a conversation as text, and where in it the assistant answers.

    An answer begins where a prompt for it would end, and so has what ends the turn.

    Raises:
        ConfigurationError: if the template renders a conversation otherwise than its beginning.
    """
    text = rendered(tokenizer, messages)
    spans = []
    for number, message in enumerate(messages):
        if message["role"] != ASSISTANT or number == 0:
            continue
        before = rendered(tokenizer, messages[:number], add_generation_prompt=True)
        until = rendered(tokenizer, messages[: number + 1])
        if not (until.startswith(before) and text.startswith(until)):
            raise ConfigurationError(
                f"the chat template has message {number + 1} of a conversation otherwise than a "
                "prompt for it: mark what the assistant says with {% generation %}, and give "
                "dataset.chat_template=<file>"
            )
        spans.append((len(before), len(until)))
    return text, spans


def rendered(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], **options: bool
) -> str:
    """Return messages as the template has them; raises ConfigurationError if it refuses them."""
    try:
        text = tokenizer.apply_chat_template(list(messages), tokenize=False, **options)  # type: ignore[arg-type]
    except (TemplateError, ValueError) as error:
        raise refused(error) from error
    return str(text)


def refused(error: Exception) -> ConfigurationError:
    """Return what a user is told whose conversation the template does not take."""
    return ConfigurationError(
        f"the chat template does not take a conversation: {first_line(error)} (give "
        "dataset.chat_template=<file> for another)"
    )


def template_text(template: str) -> str:
    """Return a template that is given as itself or as a file."""
    if "{" in template:
        return template
    path = Path(to_absolute_path(local_path(template)))
    if not path.is_file():
        raise ConfigurationError(f"dataset.chat_template={template} is not there ({path})")
    return path.read_text("utf-8")


def as_messages(value: Any, column: str) -> Any:
    """Return an input to predict on as a conversation: a text is what the user says."""
    if isinstance(value, str) and value:
        return [{"role": "user", "content": value}]
    if isinstance(value, Mapping) and column in value:
        return value[column]
    return [value] if isinstance(value, Mapping) and "role" in value else value


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
