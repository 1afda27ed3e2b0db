"""Tests of the local hub, by plain HTTP requests and by the real clients."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.helpers.hub import Hub, git_id, save_tiny_gpt2, text_dataset

WIKITEXT = ("Salesforce/wikitext", "wikitext-2-raw-v1")
NEW = {"train": ["a", "b"], "validation": ["c"], "test": ["d", ""]}
OLD = {"train": ["old"], "validation": ["c"], "test": ["d"]}

# HF_ENDPOINT is read when the clients are imported, so each needs a process of its own.
LOAD = """
import json
from datasets import load_dataset
from transformers import AutoModelForCausalLM, AutoTokenizer

def rows(**options):
    dataset = load_dataset("Salesforce/wikitext", "wikitext-2-raw-v1", **options)
    return {split: list(table["text"]) for split, table in dataset.items()}

def model(name):
    tokenizer = AutoTokenizer.from_pretrained(name)
    parameters = AutoModelForCausalLM.from_pretrained(name).parameters()
    text = tokenizer.decode(tokenizer("two words").input_ids)
    return {"text": text, "sums": [parameter.sum().item() for parameter in parameters]}

def error(load, *arguments, **options):
    try:
        load(*arguments, **options)
    except Exception as error:
        return [type(error).__name__, str(error)]
"""
# Offline, `load_dataset` takes the revision that was prepared last, whatever it is asked for.
ONLINE = """
print(json.dumps({
    "old": rows(revision="v1"),
    "new": rows(),
    "gpt2": model("gpt2"),
    "openai": model("openai-community/gpt2"),
    "no dataset": error(load_dataset, "no/such"),
    "no revision": error(rows, revision="v2"),
    "no model": error(AutoModelForCausalLM.from_pretrained, "no/such"),
    "no tokenizer": error(AutoTokenizer.from_pretrained, "no/such"),
}))
"""
OFFLINE = """
print(json.dumps({"new": rows(), "gpt2": model("gpt2")}))
"""
by_clients = pytest.mark.slow
"""In two processes that import the clients; `test_documented_commands.py` loads by them, too."""


class Session(NamedTuple):
    """Results of a process that loaded from a hub, which has stopped since."""

    loaded: dict[str, Any]
    requests: list[tuple[str, str]]
    environment: dict[str, str]
    model: Path


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as hub:
        hub.add_dataset("org/data", {"README.md": b"hello", "deep/er/x.txt": b"", "deep/y": b"y"})
        yield hub


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    model = save_tiny_gpt2(tmp_path_factory.mktemp("model"))
    with Hub() as hub:
        hub.add_dataset(WIKITEXT[0], text_dataset(WIKITEXT[1], OLD), revision="v1")
        hub.add_dataset(WIKITEXT[0], text_dataset(WIKITEXT[1], NEW))
        hub.add_model("gpt2", model)
        hub.add_model("openai-community/gpt2", model)
        environment = hub.environment(tmp_path_factory.mktemp("cache"))
        return Session(run(LOAD + ONLINE, environment), hub.requests, environment, model)


def run(script: str, environment: dict[str, str]) -> dict[str, Any]:
    """Run a script in a new process; return its JSON output."""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    loaded: dict[str, Any] = json.loads(done.stdout)
    return loaded


def ask(hub: Hub, method: str, path: str) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection(urlsplit(hub.url).netloc, timeout=10)
    connection.request(method, path)
    response = connection.getresponse()
    return response, response.read()


@by_clients
def test_dataset_loads_by_name_and_configuration(session: Session) -> None:
    assert session.loaded["new"] == NEW


@by_clients
def test_dataset_loads_at_a_revision(session: Session) -> None:
    assert session.loaded["old"] == OLD


@by_clients
@pytest.mark.parametrize("name", ["gpt2", "openai"])
def test_model_and_tokenizer_load(session: Session, name: str) -> None:
    from transformers import GPT2LMHeadModel

    saved = GPT2LMHeadModel.from_pretrained(session.model).parameters()
    sums = [parameter.sum().item() for parameter in saved]
    assert session.loaded[name] == {"text": "two words", "sums": pytest.approx(sums, abs=1e-4)}


@by_clients
@pytest.mark.parametrize(
    ("what", "kind", "message"),
    [
        ("no dataset", "DatasetNotFoundError", "Dataset 'no/such' doesn't exist on the Hub"),
        ("no revision", "DatasetNotFoundError", "Revision 'v2' doesn't exist for dataset"),
        ("no model", "OSError", "no/such is not a local folder and is not a valid model"),
        ("no tokenizer", "OSError", "no/such is not a local folder and is not a valid model"),
    ],
)
def test_missing_repository_is_reported(
    session: Session, what: str, kind: str, message: str
) -> None:
    assert session.loaded[what][0] == kind
    assert message in session.loaded[what][1]


@by_clients
def test_requests_of_the_clients_are_recorded(session: Session) -> None:
    assert ("HEAD", "/datasets/Salesforce/wikitext/resolve/v1/README.md") in session.requests
    downloads = [path for method, path in session.requests if method == "GET"]
    assert sum(path.endswith("/model.safetensors") for path in downloads) == 2
    assert sum(path.endswith("/train-00000-of-00001.parquet") for path in downloads) == 2


@by_clients
def test_cache_serves_when_the_hub_is_gone(session: Session) -> None:
    loaded = run(LOAD + OFFLINE, session.environment | {"HF_HUB_OFFLINE": "1"})
    assert loaded == {key: session.loaded[key] for key in ("new", "gpt2")}


def test_head_describes_what_get_sends(hub: Hub) -> None:
    path = "/datasets/org/data/resolve/main/README.md"
    head, _ = ask(hub, "HEAD", path)
    get, content = ask(hub, "GET", path)
    assert content == b"hello"
    for name in ("ETag", "X-Repo-Commit", "Content-Length"):
        assert head.headers[name] == get.headers[name]
    assert head.headers["ETag"] == f'"{git_id(b"hello")}"'
    assert head.headers["Content-Length"] == "5"
    assert hub.requests == [("HEAD", path), ("GET", path)]


def test_head_sends_no_content(hub: Hub) -> None:
    with socket.create_connection(("127.0.0.1", urlsplit(hub.url).port or 0), 10) as connection:
        connection.sendall(b"HEAD /datasets/org/data/resolve/main/README.md HTTP/1.0\r\n\r\n")
        assert connection.makefile("rb").read().endswith(b"\r\n\r\n")


def test_commit_follows_the_content(hub: Hub) -> None:
    first = hub.add_dataset("org/data", {"x": b"1"}, revision="first")
    assert hub.add_dataset("org/data", {"x": b"1"}) == first
    assert hub.add_dataset("org/data", {"x": b"2"}) != first
    for revision in (first, "first"):
        assert ask(hub, "GET", f"/datasets/org/data/resolve/{revision}/x")[1] == b"1"
    assert ask(hub, "GET", "/datasets/org/data/resolve/main/x")[1] == b"2"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/datasets/no/such/resolve/main/x", "RepoNotFound"),
        ("/org/data/resolve/main/README.md", "RepoNotFound"),
        ("/api/models/org/data", "RepoNotFound"),
        ("/datasets/org/data/resolve/v9/README.md", "RevisionNotFound"),
        ("/api/datasets/org/data/revision/v9", "RevisionNotFound"),
        ("/datasets/org/data/resolve/main/nothing", "EntryNotFound"),
        ("/api/datasets/org/data/tree/main/nothing", "EntryNotFound"),
        ("/api/whoami-v2", "NotServedByTheTestHub"),
    ],
)
def test_missing_is_answered_as_the_hub_does(hub: Hub, path: str, code: str) -> None:
    response, _ = ask(hub, "HEAD", path)
    assert (response.status, response.headers["X-Error-Code"]) == (404, code)
    has_commit = "/resolve/" in path and code == "EntryNotFound"
    assert ("X-Repo-Commit" in response.headers) == has_commit


@pytest.mark.parametrize(
    ("query", "listed"),
    [
        ("main", {"README.md": "file", "deep": "directory"}),
        ("main/deep?recursive=False", {"deep/er": "directory", "deep/y": "file"}),
        (
            "main/deep?recursive=True",
            {"deep/er": "directory", "deep/er/x.txt": "file", "deep/y": "file"},
        ),
    ],
)
def test_tree_lists_a_folder(hub: Hub, query: str, listed: dict[str, str]) -> None:
    _, body = ask(hub, "GET", f"/api/datasets/org/data/tree/{query}")
    assert {entry["path"]: entry["type"] for entry in json.loads(body)} == listed


def test_environment_keeps_nothing_of_ours(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_HUB_OFFLINE", "HF_TOKEN", "TRANSFORMERS_OFFLINE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("PATH", "kept")
    environment = hub.environment(tmp_path)
    names = {name for name in environment if name.startswith(("HF_", "HUGGING", "TRANSFORMERS_"))}
    assert names == {"HF_ENDPOINT", "HF_HOME", "HF_HUB_DISABLE_TELEMETRY", "HF_HUB_DISABLE_XET"}
    assert environment["PATH"] == "kept"


def test_hub_is_gone_after_the_block() -> None:
    with Hub() as hub:
        assert ask(hub, "GET", "/")[0].status == 404
    with pytest.raises(ConnectionRefusedError):
        ask(hub, "GET", "/")
