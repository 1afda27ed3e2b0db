"""Values of a run as others may read them: without secrets, absolute paths and user names."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HIDDEN = "•••"
SECRET_KEY = re.compile(
    r"(^|[._-])(token|password|passwd|passphrase|secret|credentials?|api_?key|access_?key|"
    r"private_?key|auth|dsn)$",
    re.IGNORECASE,
)
SECRET = re.compile(
    r"\b(hf_\w{16,}|sk-[\w-]{16,}|gh[a-z]_\w{20,}|AKIA\w{12,}|eyJ[\w-]{16,}\.[\w.-]+)"
)
"""Tokens of well-known services."""
LOGIN = re.compile(r"(?<=://)[^/\s@]+@")
SIGNATURE = re.compile(
    r"(?<=[?&])([^=&\s]*(?:token|key|sig|secret|credential)[^=&\s]*)=[^&\s'\"]+", re.I
)
ABSOLUTE = re.compile(r"(?<![\w.:/~…])(?:[A-Za-z]:\\|~/|/)(?:[^\s/\\,;'\"\])}]+[/\\])+")
"""The folders of an absolute path, up to its name."""


def public_text(text: str) -> str:
    """Return a text with secrets hidden, and absolute paths cut.

    A path starts in the working directory; one outside of it keeps its name: `…/train.csv`.
    """
    here = f"{Path.cwd()}{os.sep}"
    text = SIGNATURE.sub(rf"\1={HIDDEN}", LOGIN.sub("", SECRET.sub(HIDDEN, text)))
    return ABSOLUTE.sub("…/", text.replace(here, "").replace(here[:-1], "."))


def public(key: str, value: Any) -> str:
    """Return a value of a config as a text, or `HIDDEN` if its key names a secret."""
    if SECRET_KEY.search(key) and value not in (None, ""):
        return HIDDEN
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{name}: {public(str(name), part)}" for name, part in value.items())
        return f"{{{pairs}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(public('', part) for part in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else public_text(str(value))


def public_command(words: list[str]) -> str:
    """Return a command line, with the values of secret keys hidden and its program by name."""
    return " ".join(_word(word) for word in [Path(words[0]).name, *words[1:]])


def _word(word: str) -> str:
    key, equals, value = word.partition("=")
    return f"{key}={public(key.lstrip('+~'), value)}" if equals else public_text(word)
