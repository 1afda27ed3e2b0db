"""Copies of tokenizers, for exports, that split texts otherwise than the tokenizer's own class."""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast


def edited_tokenizer(
    tokenizer: PreTrainedTokenizerBase, edit: Callable[[dict[str, Any]], None]
) -> PreTrainedTokenizerBase:
    """Return a copy of a fast tokenizer with an edited `tokenizer.json`.

    Its class is the generic one: in transformers, that of an architecture builds its own parts.

    Args:
        tokenizer: a fast tokenizer.
        edit: changes the content of `tokenizer.json` in place.
    """
    with TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        file = Path(folder, "tokenizer.json")
        content = json.loads(file.read_text("utf-8"))
        edit(content)
        file.write_text(json.dumps(content))
        copied: PreTrainedTokenizerBase = PreTrainedTokenizerFast.from_pretrained(folder)
    return copied


def split_words_first(content: dict[str, Any], pattern: str) -> None:
    """Make a tokenizer split a text into words, each of which begins like a word after a space.

    Args:
        content: the content of `tokenizer.json`, changed in place.
        pattern: regular expression of a word.
    """
    words = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Removed", "invert": True}
    space = {"type": "Metaspace", "replacement": " ", "prepend_scheme": "always", "split": False}
    own = [content["pre_tokenizer"]] if content["pre_tokenizer"] else []
    content["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [words, space, *own]}
    # The space is in no text, so there is nothing to trim from the offsets.
    processor = content["post_processor"] or {}
    for part in (processor, *processor.get("processors", ())):
        if "trim_offsets" in part:
            part["trim_offsets"] = False


def start_only(content: dict[str, Any], start: str | None) -> None:
    """Make a tokenizer add only a first token to a text.

    Args:
        content: the content of `tokenizer.json`, changed in place.
        start: the token; None: no token.
    """
    content["post_processor"] = None
    if start is not None:
        ids = [token["id"] for token in content["added_tokens"] if token["content"] == start]
        text, pair = ({"Sequence": {"id": name, "type_id": 0}} for name in "AB")
        first = {"SpecialToken": {"id": start, "type_id": 0}}
        content["post_processor"] = {
            "type": "TemplateProcessing",
            "single": [first, text],
            "pair": [first, text, pair],
            "special_tokens": {start: {"id": start, "ids": ids, "tokens": [start]}},
        }
