"""`ltscaffold mcp`, by the client of the package `mcp`, over standard input and output."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult

from ltscaffold.cli.mcp_server import TOOLS
from ltscaffold.cli.schema import output_schema
from ltscaffold.record.answers import ANSWERS_FILE
from tests.helpers.projects import new_project, new_task
from tests.helpers.tree import tree

Work = Callable[[Client], Awaitable[None]]
TRAPS = """hydra:
  callbacks: {trap: {_target_: traps.Trap}}
  launcher: {_target_: traps.Trap}
  sweeper: {_target_: traps.Trap}
  job_logging: {handlers: {trap: {(): traps.Trap}}}
  hydra_logging: {handlers: {trap: {(): traps.Trap}}}
"""
"""Settings of Hydra with which a job imports a module of the project."""
WRITES = {
    *("command", "name", "new_name", "names", "base", "hook", "recipe", "package"),
    *("force", "to", "strategy", "shell", "adopt"),
}
INPUTS = {
    "list": {"what", "base", "type_name"},
    "status": set(),
    "check": {"name"},
    "smoke": {"name"},
    "explain": {"name"},
    "runs": {"folder", "status", "where", "sort", "best"},
    "plan": WRITES,
    "apply": WRITES,
}
"""All that an agent may give: none is a path but `folder`."""


def talk(project: Path, work: Work, command: tuple[str, ...] = ("ltscaffold", "mcp")) -> None:
    """Let a client work with a server that is started in a project."""
    program, *arguments = command
    server = StdioServerParameters(
        command=program, args=arguments, env={**os.environ}, cwd=str(project)
    )

    async def session() -> None:
        with anyio.fail_after(120):
            async with Client(server) as client:
                await work(client)

    anyio.run(session)


def refusal(result: CallToolResult) -> str:
    """Return the text of an error."""
    assert result.is_error
    assert result.structured_content is None
    return "\n".join(getattr(each, "text", "") for each in result.content)


def test_tools_have_the_published_schemas(project: Path) -> None:
    async def work(client: Client) -> None:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert {name: {*tool.input_schema["properties"]} for name, tool in tools.items()} == INPUTS
        for name, tool in tools.items():
            assert tool.output_schema == output_schema(TOOLS[name].commands[0])
            assert tool.annotations
            assert tool.annotations.read_only_hint == (name not in ("apply", "smoke"))
        assert "rename (name, new_name): Rename a component" in (tools["plan"].description or "")

    talk(project, work)


def test_from_a_plan_to_its_undo(project: Path) -> None:
    new_project(project)
    before = tree(project)
    task = {"name": "mine", "base": "language_modeling", "hook": ["training_step"]}

    async def work(client: Client) -> None:
        async def call(tool: str, /, **arguments: Any) -> Any:
            result = await client.call_tool(tool, arguments)
            assert not result.is_error, result.content
            return result.structured_content

        bases = (await call("list", what="bases"))["bases"]
        assert "language_modeling" in [each["name"] for each in bases]
        plan = await call("plan", command="new-task", **task)
        assert plan["dry_run"]
        assert tree(project) == before
        done = await call("apply", command="new-task", **task)
        assert done == plan | {"dry_run": False}
        assert (project / "tasks/mine/model.py").is_file()
        (finding,) = (await call("check", name="mine"))["findings"]
        assert finding["code"] == "unfilled-stub"
        (entry,) = (await call("status"))["status"]["items"]
        assert entry["item"]["parts"] == ["hooks/training_step"]
        await call("apply", command="rename", name="mine", new_name="yours")
        for _ in range(2):
            await call("apply", command="undo")
        assert tree(project) == before

    talk(project, work)


def test_mistakes_are_the_line_of_the_command(project: Path, tmp_path: Path) -> None:
    new_task(project, "mine", "language_modeling")
    model = project / "tasks/mine/model.py"
    model.write_text(model.read_text().replace("Causal", "My causal"))
    (tmp_path / "outputs").mkdir()
    (project / "outputs").symlink_to(tmp_path / "outputs")
    before = tree(project)
    outside = f"is outside {project}; give a path within it"
    mistakes: list[tuple[str, dict[str, Any], str]] = [
        ("apply", {"command": "remove", "name": "x"}, "'x' is not a known component; see"),
        ("apply", {"command": "new-task", "name": "x"}, "new-task needs a name and a base"),
        ("apply", {"command": "trust"}, "'trust' is not a known command; "),
        ("apply", {"command": "undo", "name": "x"}, "undo: Additional properties are not"),
        ("apply", {"command": "add"}, "add: 'name' is a required property; see"),
        ("plan", {"command": "add", "name": "mine", "hook": "setup"}, "'setup' is not of type"),
        ("apply", {"command": "remove", "name": "--project=/"}, "'--project=/' is not a known"),
        ("plan", {"command": "add", "name": "mine", "hook": ["-C/"]}, "'-C/' is not a known"),
        ("plan", {"command": "add", "name": "a\0"}, "embedded null byte"),
        ("explain", {"name": "mine", "project": "/"}, "'project' was unexpected"),
        ("check", {"smoke": True}, "'smoke' was unexpected"),
        ("runs", {"delete": True}, "'delete' was unexpected"),
        ("runs", {}, f"'outputs' {outside}"),
        ("runs", {"folder": ".."}, f"'..' {outside}"),
        ("runs", {"folder": str(tmp_path)}, f"'{tmp_path}' {outside}"),
        ("runs", {"folder": "nowhere"}, "'nowhere' is not a folder; give the one"),
        ("chek", {}, "'chek' is not a known tool; did you mean 'check'?"),
    ]

    async def work(client: Client) -> None:
        for name, arguments, message in mistakes:
            said = refusal(await client.call_tool(name, arguments))
            assert message in said, said
            assert "\n" not in said
        said = refusal(await client.call_tool("apply", {"command": "remove", "name": "mine"}))
        line, _, edits = said.partition("\n")
        assert "mine" in line
        assert "+" in edits
        assert "My causal" in edits

    talk(project, work)
    assert tree(project) == before


def test_templates_that_the_user_does_not_trust_are_refused(project: Path, tmp_path: Path) -> None:
    new_task(project, "mine", "language_modeling")
    record = project / ANSWERS_FILE
    source = next(line for line in record.read_text().splitlines() if "_src_path" in line)
    record.write_text(record.read_text().replace(source, f"_src_path: {tmp_path}/templates"))

    async def work(client: Client) -> None:
        for name, arguments in (("plan", {"command": "update"}), ("check", {}), ("status", {})):
            said = refusal(await client.call_tool(name, arguments))
            assert "are not trusted on this machine; if you know them, run" in said

    talk(project, work)


def test_no_tool_but_smoke_runs_the_code_of_the_project(project: Path) -> None:
    new_task(project, "mine", "language_modeling")
    trap = f"open({str(project / 'ran')!r}, 'w')\n"
    model = project / "tasks/mine/model.py"
    model.write_text(trap + model.read_text())
    (project / "hydra_plugins").mkdir()
    for name in (
        "train.py",
        "conftest.py",
        "yaml.py",
        "typer.py",
        "ltscaffold.py",
        "sitecustomize.py",
        "traps.py",
        "hydra_plugins/trap.py",
    ):
        (project / name).write_text(trap)
    config = project / "conf/config.yaml"
    config.write_text(config.read_text().replace("hydra:\n", TRAPS))

    async def work(client: Client) -> None:
        calls: list[tuple[str, dict[str, Any]]] = [
            *(
                ("list", {"what": "hooks"}),
                ("status", {}),
                ("check", {}),
                ("runs", {"folder": "."}),
            ),
            *(("explain", {"name": "mine"}), ("plan", {"command": "update"})),
            ("apply", {"command": "add", "name": "mine", "recipe": ["weight_noise"]}),
        ]
        for name, arguments in calls:
            result = await client.call_tool(name, arguments)
            assert not result.is_error, (name, result.content)
            assert not (project / "ran").exists(), name
        await client.call_tool("smoke", {"name": "mine"})
        assert (project / "ran").exists()

    talk(project, work)


def started(project: Path) -> subprocess.Popen[str]:
    """Start a server without a client."""
    command = [sys.executable, "-m", "ltscaffold.cli", "mcp"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=project, stdin=pipe, stdout=pipe, text=True)


def test_nothing_but_the_protocol_reaches_standard_output(project: Path) -> None:
    (project / "outputs/broken").mkdir(parents=True)
    (project / "outputs/broken/manifest.yaml").write_text("status: finished")
    (project / "outputs/broken/config.yaml").write_text("{}")
    opening = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    }
    messages: list[dict[str, Any]] = [
        {"id": 1, "method": "initialize", "params": opening},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": {"name": "runs", "arguments": {}}},
        {"id": 3, "method": "tools/call", "params": {"name": "undo"}},
    ]
    with started(project) as server:
        assert server.stdin
        assert server.stdout
        received = []
        for message in messages:
            server.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
            server.stdin.flush()
            if "id" in message:
                received.append(json.loads(server.stdout.readline()))
        server.stdin.close()
        assert server.stdout.read() == ""
        assert server.wait(30) == 0
    assert [each["id"] for each in received] == [1, 2, 3]
    result = received[1]["result"]
    assert result["structuredContent"] == {"schema": 2, "runs": []}
    assert result["content"][1]["text"].startswith("warning: 'outputs/broken/manifest.yaml'")


def test_a_signal_ends_it_while_the_client_waits(project: Path) -> None:
    with started(project) as server:
        assert server.stdin
        assert server.stdout
        server.stdin.write('{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n')
        server.stdin.flush()
        assert json.loads(server.stdout.readline())["id"] == 1
        server.terminate()
        assert server.wait(30) == -signal.SIGTERM


def test_without_the_extra_it_names_the_command(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = "import sys; sys.modules['mcp'] = None\nsys.argv = ['ltscaffold', 'mcp']\n"
    code = f"{hidden}from ltscaffold.cli.app import main\nmain()"
    done = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True)
    assert done.returncode == 2
    assert (
        done.stderr == "error: cannot serve: mcp is not installed; pip install 'ltscaffold[mcp]'\n"
    )
