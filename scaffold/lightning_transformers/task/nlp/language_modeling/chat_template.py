"""Conversations as a chat template has them, and where in the text the assistant speaks."""

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
"""Where a part of a text begins and ends, in characters."""
PLAIN = "pkg://lightning_transformers/assets/tiny/gpt2/chat_template.jinja"
"""A template for any tokenizer, which names roles in words."""
ASSISTANT = "assistant"
MARKED = re.compile(r"{%[-+]?\s*generation\b")
EMPTY = re.compile(r"(\s|<[^<>]*>)*")
"""What says nothing, such as the tags around what was not thought."""
OTHER = "\ufffd"
"""What no message begins with."""
SHOWN = 80
"""Letters of a conversation in a message."""


class Conversation(NamedTuple):
    """What a template renders.

    Attributes:
        messages: `{role: …, content: …}` each.
        tools: those that the assistant may call, as JSON schemas.
    """

    messages: Sequence[Message]
    tools: Sequence[object] | None = None

    def first(self, number: int) -> "Conversation":
        """Return the first messages alone."""
        return self._replace(messages=self.messages[:number])

    def __str__(self) -> str:
        """Return what the user says first, by which to find the conversation."""
        asked = [message for message in self.messages if message["role"] == "user"]
        return repr((asked or self.messages)[0].get("content"))[:SHOWN]


class ChatTemplate:
    """A tokenizer's chat template."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer
        added: Mapping[int, Any] = tokenizer.added_tokens_decoder
        special = {number: token.content for number, token in added.items() if token.special}
        self.special_ids = list(special)
        longest_first = sorted(map(re.escape, special.values()), key=len, reverse=True)
        special_token = "|".join(longest_first) or "(?!)"
        self.special = re.compile(special_token)
        # From the first special token on behind which nothing more is said.
        self.ending = re.compile(rf"(?:{special_token})(?:\s|{special_token})*\Z")
        # What belongs to an answer behind it. Behind blanks, another token may begin a turn.
        end: Any = tokenizer.eos_token
        end_of_text = rf"\s*{re.escape(end)}" if end else "(?!)"
        self.behind_prompted = re.compile(end_of_text)
        self.behind_marked = re.compile(f"{special_token}|{end_of_text}")

    def answers(self, chat: Conversation) -> tuple[str, list[Span]]:
        """Return a conversation as text, and where in it the assistant says what is to be learned.

        An answer has what ends its turn. It is what the template marks with `{% generation %}`, or
        begins where a prompt for it would end.

        Raises:
            ConfigurationError: if the template refuses the conversation, or renders it otherwise
                than its beginning.
        """
        text, marks = self.rendered(chat)
        said = [n for n, message in enumerate(chat.messages) if message["role"] == ASSISTANT]
        if marks is None:
            spans, behind = [self.prompted(chat, n, text) for n in said], self.behind_prompted
        else:
            spans, behind = marks, self.behind_marked
        spans = [(start, self.end_of_turn(text, start, end, behind)) for start, end in spans]
        wanted = [is_learned(chat.messages[number]) for number in said]
        if all(wanted):
            return text, spans
        if len(spans) != len(said):
            raise ConfigurationError(
                f"the chat template marks {len(spans)} parts of {len(said)} answers in the "
                f"conversation {chat}, so that nobody knows which has 'train' or 'weight': mark "
                "each answer once"
            )
        return text, [span for span, learned in zip(spans, wanted, strict=True) if learned]

    def prompt(self, chat: Conversation) -> str:
        """Return a conversation as text that ends where the assistant is to speak."""
        return self.rendered(chat, add_generation_prompt=True)[0]

    def prompted(self, chat: Conversation, number: int, text: str) -> Span:
        """Return where a message is in the text: from the end of a prompt for it on."""
        start = self.start(chat, number, text)
        last = number == len(chat.messages) - 1
        until = text if last else self.rendered(chat.first(number + 1))[0]
        if text.startswith(until):
            return start, len(until)
        # Some templates end a conversation as they end no turn (Phi-3), or have tags for what was
        # thought in the last turn alone (Qwen3).
        end = self.ending.search(until, start) if until.startswith(text[:start]) else None
        ends = self.ends(text, start, until[start : end.start()]) if end else []
        if not ends:
            raise self.otherwise(chat, number)
        return start, ends[-1]

    def ends(self, text: str, start: int, answer: str) -> list[int]:
        """Return where a special token ends that has an answer before it, empty tags aside."""
        found = []
        for end in self.special.finditer(text, start):
            said = text[start : end.start()]
            if answer.endswith(said) and EMPTY.fullmatch(answer.removesuffix(said)):
                found.append(end.end())
        return found

    def start(self, chat: Conversation, number: int, text: str) -> int:
        """Return where a message begins in the text."""
        if number > 0:
            before = self.prompt(chat.first(number))
        else:  # there is no prompt: it begins where another would differ
            messages = list(chat.messages)
            messages[number] = {**messages[number], "content": OTHER}
            before = common_beginning(text, self.rendered(chat._replace(messages=messages))[0])
        if not text.startswith(before):
            raise self.otherwise(chat, number)
        return len(before)

    def end_of_turn(self, text: str, start: int, end: int, behind: re.Pattern[str]) -> int:
        """Return the end of an answer, or of what is behind it if it ends with no special token."""
        inside = [match.end() for match in self.special.finditer(text, start, end)]
        if inside and not text[inside[-1] : end].strip():
            return end
        found = behind.match(text, end)
        return found.end() if found else end

    def rendered(
        self, chat: Conversation, add_generation_prompt: bool = False
    ) -> tuple[str, list[Span] | None]:
        """Return a conversation as text, and the parts that the template marks, if it marks any.

        As `apply_chat_template` does, which gives marks as tokens, and some of them wrong: it asks
        which token a character is in, and tokenizers do not say so of a space.

        Raises:
            ConfigurationError: if the template refuses the conversation.
        """
        try:
            template = self.tokenizer.get_chat_template(tools=chat.tools)  # type: ignore[arg-type]
            marked = MARKED.search(template) is not None
            render: Any = render_jinja_template
            texts, marks = render(
                [list(chat.messages)],
                tools=chat.tools,
                chat_template=template,
                return_assistant_tokens_mask=marked,
                add_generation_prompt=add_generation_prompt,
                **self.tokenizer.special_tokens_map,
            )
        except Exception as error:  # a template is a program, and fails as it likes
            raise ConfigurationError(
                f"the chat template does not take the conversation {chat}: {first_line(error)} "
                "(give dataset.chat_template=<file> for another)"
            ) from error
        return texts[0], marks[0] if marked else None

    def otherwise(self, chat: Conversation, number: int) -> ConfigurationError:
        """Return what a user is told whose template does not have a turn as it is prompted for."""
        return ConfigurationError(
            f"the chat template has message {number + 1} of the conversation {chat} otherwise than "
            "a prompt for it: mark what the assistant says with {% generation %}, and give "
            "dataset.chat_template=<file>"
        )


def common_beginning(one: str, other: str) -> str:
    """Return what two texts begin with."""
    same = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return one[: sum(1 for _ in same)]


def is_learned(message: Message) -> bool:
    """Tell whether a message is to be learned: not with `train: false` or `weight: 0`."""
    values = {key: message[key] for key in ("train", "weight") if message.get(key) is not None}
    for key, value in values.items():
        if value not in (0, 1):
            raise ConfigurationError(
                f"'{key}: {value}' of a message is neither 0 nor 1: a message is learned or not"
            )
    return all(values.values())


def require_template(tokenizer: PreTrainedTokenizerBase) -> None:
    """Raise ConfigurationError unless the tokenizer has a chat template."""
    template: Any = tokenizer.chat_template
    given = f"give dataset.chat_template=<file>, such as {PLAIN}"
    if template is None:
        raise ConfigurationError(
            f"the tokenizer '{tokenizer.name_or_path}' has no chat template: {given}"
        )
    if isinstance(template, dict) and "default" not in template:
        raise ConfigurationError(
            f"the tokenizer '{tokenizer.name_or_path}' has several chat templates "
            f"({', '.join(sorted(template))}), none of them called 'default': {given}"
        )


def template_text(template: str) -> str:
    """Return a template that is given as itself or as a file."""
    if "{" in template:
        return template
    path = Path(to_absolute_path(local_path(template)))
    if not path.is_file():
        raise ConfigurationError(f"dataset.chat_template={template} is not there ({path})")
    return path.read_text("utf-8")
