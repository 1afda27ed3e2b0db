"""Read conversations from the columns of common datasets as messages."""

from collections.abc import Collection, Mapping
from typing import Any

from lightning_transformers.base.errors import ConfigurationError, did_you_mean
from lightning_transformers.data.texts import as_list

MESSAGES = "messages"
FORMATS = (
    (MESSAGES,),
    ("conversations",),  # ShareGPT: {from, value}
    ("instruction", "output"),  # Alpaca (Taori et al., 2023), with `input` or without
    ("prompt", "completion"),
    ("prompt", "response"),
)
"""Columns of the known formats; those of a prompt and its answer, or one of lists of messages."""
OPTIONAL_COLUMNS = ("input", "system")
"""Columns that belong to some formats, but need not exist."""
ROLES = {
    **dict.fromkeys(("user", "human"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "bard", "bing", "model"), "assistant"),
    **dict.fromkeys(("tool", "observation", "function_response"), "tool"),
    "system": "system",
}
"""Role by speaker in `from`, as ShareGPT and its descendants name them."""


def conversation_columns(present: Collection[str], messages_column: str | None) -> tuple[str, ...]:
    """Return the required columns of the first format that a dataset has, () if it has none.

    Args:
        present: the columns of the dataset.
        messages_column: the column of messages; None or `messages`: that of any format.
    """
    formats = FORMATS if messages_column in (None, MESSAGES) else ((messages_column,),)
    return next((columns for columns in formats if {*columns} <= {*present}), ())


def all_columns(messages_column: str) -> list[str]:
    """Return the columns of all formats, `messages_column` first."""
    known = [column for columns in FORMATS for column in columns]
    return list(dict.fromkeys([messages_column, *known, *OPTIONAL_COLUMNS]))


def messages_in(row: Mapping[str, Any], messages_column: str) -> Any:
    """Return the messages of a row in any of the formats; None if it has none of them.

    Args:
        row: the row; to predict on, it may lack the answer.
        messages_column: a column of messages, which precedes other formats.

    Returns:
        Messages `{role: …, content: …}`, unless the column has another value.

    Raises:
        ConfigurationError: for an unknown speaker in `from`.
    """
    lists = [column for column in (messages_column, MESSAGES, "conversations") if column in row]
    if lists:
        messages = as_list(row[lists[0]])
    elif row.get("instruction"):
        given = [text for text in (row["instruction"], row.get("input")) if text]
        messages = [*turn("user", "\n".join(given)), *turn("assistant", row.get("output"))]
    elif row.get("prompt"):
        answer = row.get("completion") or row.get("response")
        messages = [*turn("user", row["prompt"]), *turn("assistant", answer)]
    else:
        return None
    if not isinstance(messages, list):
        return messages
    return [*turn("system", row.get("system")), *map(with_role, messages)]


def turn(role: str, content: Any) -> list[Any]:
    """Return a text as a list of one message, no message for None, and a list unchanged."""
    if isinstance(content, list):
        return content
    return [{"role": role, "content": content}] if content else []


def with_role(message: Any) -> Any:
    """Return a message `{from, value}` as `{role, content}`, and any other value unchanged.

    Raises:
        ConfigurationError: for an unknown speaker.
    """
    if not isinstance(message, Mapping) or not message.get("from"):
        return message
    speaker = str(message["from"]).lower()
    if speaker not in ROLES:
        raise ConfigurationError(
            f"a message is from '{speaker}'{did_you_mean(speaker, ROLES)}: correct it, or convert "
            "the conversations to messages {role: …, content: …}"
        )
    rest = {key: value for key, value in message.items() if key not in ("from", "value")}
    return {**rest, "role": ROLES[speaker], "content": message.get("value")}
