"""Render conversations with a chat template, and find the assistant's turns in the text."""

import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

from hydra.utils import to_absolute_path
from transformers import PreTrainedTokenizerBase
from transformers.utils.chat_template_utils import render_jinja_template

from lightning_transformers.base.errors import ConfigurationError, first_line
from lightning_transformers.base.package_data import local_path

Message = Mapping[str, Any]
Span = tuple[int, int]
"""Start and end of a part of a text, in characters."""
GENERIC_TEMPLATE = "pkg://lightning_transformers/assets/tiny/gpt2/chat_template.jinja"
"""A template for any tokenizer, with the roles as plain words."""
ASSISTANT = "assistant"
GENERATION_TAG = re.compile(r"{%[-+]?\s*generation\b")
EMPTY_TAGS = re.compile(r"(\s|<[^<>]*>)*")
"""A text without content, such as the tags of an empty chain of thought."""
PLACEHOLDER = "\ufffd"
"""Content that differs from that of any real message."""
PREVIEW_CHARS = 80
"""Characters of a conversation in an error message."""


class Conversation(NamedTuple):
    """A conversation to render.

    Attributes:
        messages: each `{role: …, content: …}`.
        tools: JSON schemas of the tools that the assistant may call.
    """

    messages: Sequence[Message]
    tools: Sequence[object] | None = None

    def first(self, number: int) -> "Conversation":
        """Return the conversation cut after its first `number` messages."""
        return self._replace(messages=self.messages[:number])

    def __str__(self) -> str:
        """Return the first user message, which identifies the conversation in an error."""
        by_user = [message for message in self.messages if message["role"] == "user"]
        return repr((by_user or self.messages)[0].get("content"))[:PREVIEW_CHARS]


class ChatTemplate:
    """The chat template of a tokenizer.

    Args:
        tokenizer: a tokenizer with a chat template.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer
        added: Mapping[int, Any] = tokenizer.added_tokens_decoder
        special = {number: token.content for number, token in added.items() if token.special}
        self.special_ids = list(special)
        longest_first = sorted(map(re.escape, special.values()), key=len, reverse=True)
        special_token = "|".join(longest_first) or "(?!)"
        self.special = re.compile(special_token)
        # The special tokens and spaces at the end of a text.
        self.ending = re.compile(rf"(?:{special_token})(?:\s|{special_token})*\Z")
        # The end-of-turn token may follow the span; after a space, another token may begin a turn.
        end: Any = tokenizer.eos_token
        end_of_text = rf"\s*{re.escape(end)}" if end else "(?!)"
        self.end_after_prompt = re.compile(end_of_text)
        self.end_after_tag = re.compile(f"{special_token}|{end_of_text}")

    def assistant_spans(self, chat: Conversation) -> tuple[str, list[Span]]:
        """Return a conversation as text, and the spans of the answers that contribute to the loss.

        A span is a part that the template marks with `{% generation %}`; without such marks it
        begins where the prompt for the answer ends. It includes the end-of-turn token.

        Raises:
            ConfigurationError: if the template rejects the conversation, renders an answer
                differently from its prompt, or does not mark each answer once.
        """
        text, marks = self.render(chat)
        answers = [n for n, message in enumerate(chat.messages) if message["role"] == ASSISTANT]
        if marks is None:
            spans, behind = (
                [self.span_by_prompt(chat, n, text) for n in answers],
                self.end_after_prompt,
            )
        else:
            spans, behind = marks, self.end_after_tag
        spans = [(start, self.end_of_turn(text, start, end, behind)) for start, end in spans]
        trained = [contributes_to_loss(chat.messages[number]) for number in answers]
        if all(trained):
            return text, spans
        if len(spans) != len(answers):
            raise ConfigurationError(
                f"the chat template has {len(spans)} {{% generation %}} parts for {len(answers)} "
                f"answers in the conversation {chat}, so 'train' and 'weight' cannot be applied: "
                "mark each answer once in dataset.chat_template=<file>"
            )
        return text, [span for span, learned in zip(spans, trained, strict=True) if learned]

    def prompt(self, chat: Conversation) -> str:
        """Return a conversation as text, with the prompt for the assistant's next turn.

        Raises:
            ConfigurationError: if the template rejects the conversation.
        """
        return self.render(chat, add_generation_prompt=True)[0]

    def span_by_prompt(self, chat: Conversation, number: int, text: str) -> Span:
        """Return the span of a message, which begins where the prompt for it ends.

        Args:
            chat: the conversation.
            number: index of the message.
            text: the rendered conversation.

        Raises:
            ConfigurationError: if the template renders the message differently from its prompt.
        """
        start = self.message_start(chat, number, text)
        last = number == len(chat.messages) - 1
        until = text if last else self.render(chat.first(number + 1))[0]
        if text.startswith(until):
            return start, len(until)
        # Some templates end the last turn differently (Phi-3), or render the chain of thought of
        # the last turn only (Qwen3).
        end = self.ending.search(until, start) if until.startswith(text[:start]) else None
        ends = self.possible_ends(text, start, until[start : end.start()]) if end else []
        if not ends:
            raise self.turn_mismatch(chat, number)
        return start, ends[-1]

    def possible_ends(self, text: str, start: int, answer: str) -> list[int]:
        """Return the ends of the special tokens that follow the answer, ignoring empty tags.

        Args:
            text: the rendered conversation.
            start: start of the answer in the text.
            answer: the answer as rendered when it is the last message.
        """
        found = []
        for end in self.special.finditer(text, start):
            answers = text[start : end.start()]
            if answer.endswith(answers) and EMPTY_TAGS.fullmatch(answer.removesuffix(answers)):
                found.append(end.end())
        return found

    def message_start(self, chat: Conversation, number: int, text: str) -> int:
        """Return the start of a message's content in the text, in characters.

        Args:
            chat: the conversation.
            number: index of the message.
            text: the rendered conversation.

        Raises:
            ConfigurationError: if the text does not begin with the prompt for the message.
        """
        if number > 0:
            before = self.prompt(chat.first(number))
        else:  # no prompt precedes it: find where another content changes the text
            messages = list(chat.messages)
            messages[number] = {**messages[number], "content": PLACEHOLDER}
            before = common_prefix(text, self.render(chat._replace(messages=messages))[0])
        if not text.startswith(before):
            raise self.turn_mismatch(chat, number)
        return len(before)

    def end_of_turn(self, text: str, start: int, end: int, behind: re.Pattern[str]) -> int:
        """Return the end of an answer, including the end-of-turn token that may follow its span.

        Args:
            text: the rendered conversation.
            start: start of the span.
            end: end of the span.
            behind: pattern of an end-of-turn token behind the span.
        """
        inside = [match.end() for match in self.special.finditer(text, start, end)]
        if inside and not text[inside[-1] : end].strip():
            return end
        found = behind.match(text, end)
        return found.end() if found else end

    def render(
        self, chat: Conversation, add_generation_prompt: bool = False
    ) -> tuple[str, list[Span] | None]:
        """Render a conversation.

        `apply_chat_template` returns a token mask, which is wrong where a span begins with a space:
        tokenizers assign no token to it.

        Args:
            chat: the conversation.
            add_generation_prompt: add the prompt for the assistant's next turn.

        Returns:
            The text, and the spans that the template marks with `{% generation %}`; None if the
            template has no such tag.

        Raises:
            ConfigurationError: if the template rejects the conversation.
        """
        try:
            template = self.tokenizer.get_chat_template(tools=chat.tools)  # type: ignore[arg-type]
            marked = GENERATION_TAG.search(template) is not None
            render: Any = render_jinja_template
            texts, marks = render(
                [list(chat.messages)],
                tools=chat.tools,
                chat_template=template,
                return_assistant_tokens_mask=marked,
                add_generation_prompt=add_generation_prompt,
                **self.tokenizer.special_tokens_map,
            )
        except Exception as error:  # a template may raise anything
            raise ConfigurationError(
                f"the chat template rejects the conversation {chat}: {first_line(error)}: correct "
                "the conversation, or set dataset.chat_template=<file>"
            ) from error
        return texts[0], marks[0] if marked else None

    def turn_mismatch(self, chat: Conversation, number: int) -> ConfigurationError:
        """Return the error for a turn that the template renders differently from its prompt.

        Args:
            chat: the conversation.
            number: index of the message.
        """
        return ConfigurationError(
            f"the chat template renders message {number + 1} of the conversation {chat} "
            "differently from the prompt for it: mark the assistant's text with {% generation %} "
            "in dataset.chat_template=<file>"
        )


def common_prefix(one: str, other: str) -> str:
    """Return the longest common prefix of two texts."""
    same = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return one[: sum(1 for _ in same)]


def contributes_to_loss(message: Message) -> bool:
    """Return whether a message contributes to the loss: not with `train: false` or `weight: 0`.

    Raises:
        ConfigurationError: for another value than 0, 1, true or false.
    """
    values = {key: message[key] for key in ("train", "weight") if message.get(key) is not None}
    for key, value in values.items():
        if value not in (0, 1):
            raise ConfigurationError(
                f"a message has '{key}: {value}': use 1 or true to train on it, 0 or false to skip "
                "it (fractional weights are not supported)"
            )
    return all(values.values())


def require_template(tokenizer: PreTrainedTokenizerBase) -> None:
    """Check the chat template of a tokenizer; raises ConfigurationError if it has no default."""
    template: Any = tokenizer.chat_template
    given = f"set dataset.chat_template=<file>, such as {GENERIC_TEMPLATE}"
    if template is None:
        raise ConfigurationError(
            f"the tokenizer '{tokenizer.name_or_path}' has no chat template: {given}"
        )
    if isinstance(template, dict) and "default" not in template:
        raise ConfigurationError(
            f"the tokenizer '{tokenizer.name_or_path}' has several chat templates "
            f"({', '.join(sorted(template))}) but none named 'default': {given}"
        )


def template_text(template: str) -> str:
    """Return the text of a chat template.

    Args:
        template: a Jinja template, or the path of a file with one.

    Raises:
        ConfigurationError: if the file does not exist.
    """
    if "{" in template:
        return template
    path = Path(to_absolute_path(local_path(template)))
    if not path.is_file():
        raise ConfigurationError(
            f"dataset.chat_template={template}: no file at {path}; give the path of a template, or "
            "the template"
        )
    return path.read_text("utf-8")
