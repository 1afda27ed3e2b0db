"""Uploads to the local hub: what `huggingface_hub` asks for to create a repository and commit."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from tests.helpers.hub import Answer, Hub, as_json, missing

WRITER, READER = "hf_of_a_writer", "hf_of_a_reader"
"""Tokens: of the user `me` with write access, and without."""
LARGE = (".safetensors", ".onnx")

Json = Any


def accept(hub: Hub, target: str, token: str | None, body: bytes) -> Answer:
    """Answer a request that changes the hub.

    Args:
        hub: the hub.
        target: path and query.
        token: the token, None without one.
        body: the content of the request.
    """
    path = unquote(urlsplit(target).path)
    for pattern, answer in ROUTES:
        if match := re.fullmatch(pattern, path):
            if token not in (WRITER, READER):
                return refused(401, "Invalid username or password.")
            return answer(hub, token, body, **match.groupdict())
    return missing("NotServedByTheTestHub")


def refused(status: int, message: str) -> Answer:
    """Answer with an error of the hub."""
    return Answer(status, {"X-Error-Message": message}, json.dumps({"error": message}).encode())


def create(hub: Hub, token: str, body: bytes) -> Answer:
    """Create a repository of the user `me`."""
    asked = json.loads(body)
    owner = asked["organization"] or "me"
    name = f"{owner}/{asked['name']}"
    if hub.has_model(name):
        url = json.dumps({"url": f"{hub.url}/{name}"})
        return Answer(409, {}, url.encode())
    if token != WRITER or owner != "me":
        return refused(403, f"You don't have the rights to create a model under {owner}")
    hub.add_files(name, {})
    hub.private[name] = asked.get("visibility") == "private"
    return as_json({"url": f"{hub.url}/{name}"})


def validate(hub: Hub, token: str, body: bytes) -> Answer:
    """Check that the front matter of a card is a mapping."""
    _, front, _ = json.loads(body)["content"].split("---\n", 2)
    assert isinstance(yaml.safe_load(front), dict)
    return as_json({"errors": [], "warnings": []})


def preupload(hub: Hub, token: str, body: bytes, name: str) -> Answer:
    """Say how each file is uploaded."""
    paths = [file["path"] for file in json.loads(body)["files"]]
    modes = ["lfs" if path.endswith(LARGE) else "regular" for path in paths]
    files = [
        {"path": path, "uploadMode": mode, "shouldIgnore": False}
        for path, mode in zip(paths, modes, strict=True)
    ]
    return as_json({"files": files})


def batch(hub: Hub, token: str, body: bytes, name: str) -> Answer:
    """Say where to put large files."""
    if token != WRITER:
        return refused(403, "Your token has no write access")
    objects = [
        {**file, "actions": {"upload": {"href": f"{hub.url}/lfs/{file['oid']}"}}}
        for file in json.loads(body)["objects"]
    ]
    return as_json({"transfer": "basic", "objects": objects})


def commit(hub: Hub, token: str, body: bytes, name: str) -> Answer:
    """Add the files of a commit."""
    if token != WRITER:
        return refused(403, "Your token has no write access")
    files: dict[str, bytes] = {}
    for line in map(json.loads, body.splitlines()):
        value: Json = line["value"]
        if line["key"] == "file":
            files[value["path"]] = base64.b64decode(value["content"])
        elif line["key"] == "lfsFile":
            files[value["path"]] = hub.large[value["oid"]]
    oid = hub.add_files(name, files)
    return as_json({"commitUrl": f"{hub.url}/{name}/commit/{oid}", "commitOid": oid})


ROUTES: list[tuple[str, Callable[..., Answer]]] = [
    ("/api/repos/create", create),
    ("/api/validate-yaml", validate),
    ("/api/models/(?P<name>.+)/preupload/main", preupload),
    ("/api/models/(?P<name>.+)/commit/main", commit),
    (r"/(?P<name>.+)\.git/info/lfs/objects/batch", batch),
]
