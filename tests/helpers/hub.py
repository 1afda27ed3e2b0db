"""A small Hugging Face hub on the loopback interface, for the real clients to load from.

It serves what `datasets`, `transformers` and `huggingface_hub` ask for to load a repository;
uploads are in `hub_uploads`.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from collections.abc import Mapping, Sequence
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from datasets import Dataset

NAME = r"(?P<name>[^/]+(?:/[^/]+)?)"
FILE = re.compile(rf"/(?:(?P<kind>datasets)/)?{NAME}/resolve/(?P<revision>[^/]+)/(?P<path>.+)")
API = re.compile(
    rf"/api/(?P<kind>models|datasets)/{NAME}"
    r"(?:/(?P<call>revision|tree)/(?P<revision>[^/]+)(?:/(?P<path>.+))?)?"
)
SETTINGS = ("HF_", "HUGGING", "TRANSFORMERS_")


class Answer(NamedTuple):
    """An HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes = b""


class Snapshot(NamedTuple):
    """The files of a repository at one commit."""

    commit: str
    files: dict[PurePosixPath, bytes]

    def download(self, path: PurePosixPath) -> Answer:
        """Answer `resolve`, for HEAD and GET alike."""
        headers = {"X-Repo-Commit": self.commit}
        if path not in self.files:
            return missing("EntryNotFound", headers)
        content = self.files[path]
        return Answer(200, headers | {"ETag": f'"{git_id(content)}"'}, content)

    def tree(self, folder: PurePosixPath, recursive: bool) -> Answer:
        """Answer the call that lists a folder."""
        folders = {parent for path in self.files for parent in path.parents if parent.name}
        inside = [path for path in sorted(folders | set(self.files)) if folder in path.parents]
        if not inside:
            return missing("EntryNotFound")
        return as_json([self._entry(p) for p in inside if recursive or p.parent == folder])

    def _entry(self, path: PurePosixPath) -> dict[str, object]:
        kind = "file" if path in self.files else "directory"
        content = self.files.get(path, b"")
        return {"type": kind, "path": str(path), "size": len(content), "oid": git_id(content)}


class Hub:
    """The server, as a context manager; `requests` lists (method, path) of all that was asked."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.private: dict[str, bool] = {}
        self.large: dict[str, bytes] = {}
        self._repositories: dict[tuple[str, str], dict[str, Snapshot]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Hub:
        # Leaving waits for one poll: make that short.
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add_dataset(
        self, name: str, files: Mapping[str, bytes | Path], revision: str = "main"
    ) -> str:
        """Put a dataset, or another revision of one, on the hub; return the commit."""
        return self._add("datasets", name, files, revision)

    def add_model(self, name: str, folder: Path, revision: str = "main") -> str:
        """Put a folder written by `save_pretrained` on the hub; return the commit."""
        paths = [path for path in folder.rglob("*") if path.is_file()]
        files = {path.relative_to(folder).as_posix(): path for path in paths}
        return self._add("models", name, files, revision)

    def has_model(self, name: str) -> bool:
        """Return whether there is a model of this name."""
        return ("models", name) in self._repositories

    def add_files(self, name: str, files: Mapping[str, bytes]) -> str:
        """Add files to a model, which need not exist; return the commit."""
        return self._add("models", name, {**self.model_files(name), **files}, "main")

    def model_files(self, name: str) -> dict[str, bytes]:
        """Return the files of a model by path, none if it does not exist."""
        revisions = self._repositories.get(("models", name))
        return {str(p): c for p, c in revisions["main"].files.items()} if revisions else {}

    def environment(self, cache: Path) -> dict[str, str]:
        """Return the environment of a subprocess that uses this hub and the folder `cache`."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(SETTINGS)}
        own = {"HF_ENDPOINT": self.url, "HF_HOME": str(cache), "NO_PROXY": "127.0.0.1"}
        return inherited | own | {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1"}

    def answer(self, target: str) -> Answer:
        """Answer a request for `target` (path and query)."""
        url = urlsplit(target)
        match = FILE.fullmatch(url.path) or API.fullmatch(url.path)
        if match is None:
            return missing("NotServedByTheTestHub")
        name, revision, path = (unquote(match[key] or "") for key in ("name", "revision", "path"))
        repository = self._repositories.get((match["kind"] or "models", name))
        if repository is None:
            return missing("RepoNotFound")
        snapshot = repository.get(revision or "main")
        if snapshot is None:
            return missing("RevisionNotFound")
        if match.re is FILE:
            return snapshot.download(PurePosixPath(path))
        if match["call"] == "tree":
            return snapshot.tree(PurePosixPath(path), "recursive=True" in url.query)
        private = self.private.get(name, False)
        return as_json({"id": name, "sha": snapshot.commit, "private": private})

    def _add(self, kind: str, name: str, files: Mapping[str, bytes | Path], revision: str) -> str:
        contents = {
            PurePosixPath(path): file if isinstance(file, bytes) else file.read_bytes()
            for path, file in files.items()
        }
        listing = [(str(path), git_id(content)) for path, content in sorted(contents.items())]
        snapshot = Snapshot(git_id(repr((kind, name, listing)).encode()), contents)
        revisions = self._repositories.setdefault((kind, name), {})
        revisions[revision] = revisions[snapshot.commit] = snapshot
        return snapshot.commit


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, hub: Hub, *args: Any) -> None:
        self.hub = hub
        super().__init__(*args)

    def do_GET(self) -> None:
        self.hub.requests.append((self.command, unquote(urlsplit(self.path).path)))
        self.send(self.hub.answer(self.path))

    def send(self, answer: Answer) -> None:
        """Send an answer, of HEAD without its content."""
        status, headers, body = answer
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        from tests.helpers.hub_uploads import accept

        token = (self.headers["Authorization"] or "").removeprefix("Bearer ") or None
        self.hub.requests.append((self.command, unquote(urlsplit(self.path).path)))
        self.send(accept(self.hub, self.path, token, self.content()))

    def do_PUT(self) -> None:
        self.hub.large[self.path.rpartition("/")[2]] = self.content()
        self.send(Answer(200, {}))

    def content(self) -> bytes:
        """Return the content of the request, which the client may send in chunks."""
        if length := self.headers["Content-Length"]:
            return self.rfile.read(int(length))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def log_message(self, *_: Any) -> None:
        """Keep the output of the tests quiet."""


def missing(code: str, headers: Mapping[str, str] = {}) -> Answer:
    """Answer 404 with an error code of the hub."""
    return Answer(404, {**headers, "X-Error-Code": code})


def as_json(value: object) -> Answer:
    """Answer with a JSON document."""
    return Answer(200, {"Content-Type": "application/json"}, json.dumps(value).encode())


def git_id(content: bytes) -> str:
    """Return the id that git gives to a blob."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def parquet_dataset(config: str, splits: Mapping[str, Dataset]) -> dict[str, bytes]:
    """Make the files of a dataset of parquet files, laid out as the hub's own are."""
    files = {}
    card = f"---\nconfigs:\n- config_name: {config}\n  data_files:\n"
    for split, rows in splits.items():
        rows.to_parquet(buffer := io.BytesIO())
        files[f"{config}/{split}-00000-of-00001.parquet"] = buffer.getvalue()
        card += f"  - split: {split}\n    path: {config}/{split}-*\n"
    return files | {"README.md": f"{card}---\n".encode()}


def text_dataset(config: str, splits: Mapping[str, Sequence[str]]) -> dict[str, bytes]:
    """Make the files of a dataset laid out as Salesforce/wikitext is, with a column `text`."""
    from datasets import Dataset

    tables = {split: Dataset.from_dict({"text": list(texts)}) for split, texts in splits.items()}
    return parquet_dataset(config, tables)


def save_tiny_gpt2(folder: Path) -> Path:
    """Write a GPT-2 of one narrow layer with a tokenizer of single bytes; return the folder."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import GPT2Config, GPT2LMHeadModel, GPT2Tokenizer

    letters = ["<|endoftext|>", *sorted(ByteLevel.alphabet())]
    vocabulary = {letter: number for number, letter in enumerate(letters)}
    GPT2Tokenizer(vocab=vocabulary, merges=[]).save_pretrained(folder)
    config = GPT2Config(
        vocab_size=len(letters), n_embd=16, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    return folder
