"""A client of yaml-language-server: findings, hover and completion of a YAML file."""

import json
import subprocess
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

SETTINGS = {"validate": True, "hover": True, "completion": True, "yamlVersion": "1.1"}


class LanguageServer:
    """The server of a project, started with `node`.

    Args:
        module: the installed npm package `yaml-language-server`.
        root: the project.
        schemas: globs of files by their schema, as the setting `yaml.schemas` has them.
    """

    def __init__(self, module: Path, root: Path, schemas: Mapping[str, str] = {}) -> None:
        command = ["node", str(module / "bin/yaml-language-server"), "--stdio"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.numbers = count(1)
        self.findings: dict[str, list[tuple[int, str]]] = {}
        self.request("initialize", processId=None, rootUri=root.as_uri(), capabilities={})
        self.send({"method": "initialized", "params": {}})
        self.settings = SETTINGS | {"schemas": dict(schemas)}
        settings = {"yaml": self.settings | {"schemaStore": {"enable": False}}}
        self.send({"method": "workspace/didChangeConfiguration", "params": {"settings": settings}})

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()

    def send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        content = json.dumps({"jsonrpc": "2.0"} | message).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(content), content))
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        """Return the next message; answer a request of the server, and record findings."""
        assert self.process.stdout is not None
        length = 0
        while header := self.process.stdout.readline().strip():
            name, _, value = header.partition(b": ")
            length = int(value) if name == b"Content-Length" else length
        message: dict[str, Any] = json.loads(self.process.stdout.read(length))
        if message.get("method") == "textDocument/publishDiagnostics":
            found = message["params"]["diagnostics"]
            lines = [(each["range"]["start"]["line"] + 1, each["message"]) for each in found]
            self.findings[message["params"]["uri"]] = sorted(lines)
        elif "method" in message and "id" in message:
            items = message["params"].get("items", [])
            self.send({"id": message["id"], "result": [self.settings for _ in items]})
        return message

    def request(self, method: str, **params: object) -> Any:
        number = next(self.numbers)
        self.send({"method": method, "params": params, "id": number})
        while (answer := self.receive()).get("id") != number or "method" in answer:
            pass
        return answer["result"]

    def open(self, file: Path) -> list[tuple[int, str]]:
        """Return the findings in a file, with their lines."""
        uri = file.resolve().as_uri()
        text = {"uri": uri, "languageId": "yaml", "version": 1, "text": file.read_text("utf-8")}
        self.send({"method": "textDocument/didOpen", "params": {"textDocument": text}})
        while uri not in self.findings:
            self.receive()
        return self.findings[uri]

    def at(self, what: str, file: Path, line: int) -> Any:
        """Return the `hover` or `completion` at the start of a line, counted from 1."""
        document = {"uri": file.resolve().as_uri()}
        position = {"line": line - 1, "character": 0}
        return self.request(f"textDocument/{what}", textDocument=document, position=position)
