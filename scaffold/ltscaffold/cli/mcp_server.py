"""`ltscaffold mcp`: the commands that print JSON, as tools of the Model Context Protocol.

Each call is a command in a process of its own, so only the protocol reaches standard output. The
input schemas come from the options of the commands, the output schemas are the published ones.
"""

import gc
import json
import signal
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

import anyio
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from mcp import types
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server
from typer.core import TyperArgument, TyperGroup, TyperOption
from typer.models import TyperPath

from lightning_transformers.version import VERSION
from ltscaffold.cli.schema import output_schema
from ltscaffold.errors import ScaffoldError, unknown
from ltscaffold.project.interpreter import last_line

Parameters = dict[str, TyperArgument | TyperOption]
Schema = dict[str, Any]

WRITING = (
    *("new-task", "new-dataset", "new-callback", "add", "add-shell", "remove", "rename"),
    *("update", "undo", "template eject"),
)
NOT_OFFERED = {
    *("project", "as_json", "dry_run", "diff", "check_only"),  # the tool decides them
    *("smoke", "delete", "prune", "yes"),  # beyond what a tool that only reads may do
    *("is_proven", "run", "steps", "accept", "html"),  # runs of minutes, and a file anywhere
}


@dataclass(frozen=True)
class Tool:
    """A tool.

    Attributes:
        commands: the command that it is, or those of which a call names one.
        description: what it does; by default the summary of the command.
        options: options that each call has.
        read_only: whether it changes no file and runs no code of the project.
    """

    commands: tuple[str, ...]
    description: str = ""
    options: tuple[str, ...] = ()
    read_only: bool = True


TOOLS = {
    "list": Tool(("list",)),
    "status": Tool(("status",)),
    "check": Tool(("check",)),
    "smoke": Tool(
        ("check",),
        "Check as the tool check does, and train one batch of each: this runs the project's code.",
        ("--smoke",),
        read_only=False,
    ),
    "explain": Tool(("explain",)),
    "runs": Tool(("runs",), "List runs: status, best score, overrides, size."),
    "plan": Tool(WRITING, "Show the changes of a command as patches.", ("--dry-run",)),
    "apply": Tool(WRITING, "Execute a command; undo reverts it.", read_only=False),
}


def serve(program: TyperGroup, project: Path) -> None:
    """Serve the tools on standard input and output until the client closes them.

    Args:
        program: the command line.
        project: the folder in which all commands run.

    Raises:
        ScaffoldError: if the folder does not exist.
    """
    if not project.is_dir():
        raise ScaffoldError(f"'{project}' is not a folder; give that of a project with --project")
    gc.enable()  # disabled for a command, which ends soon
    # An exception would wait for the thread that reads.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # by nohup
            signal.signal(number, signal.SIG_DFL)
    tools = Tools(program, project.resolve())
    server = Server(
        "ltscaffold",
        version=VERSION,
        instructions=f"All tools work in the project {tools.project}. Call plan before apply.",
        on_list_tools=tools.listed,
        on_call_tool=tools.call,
    )
    anyio.run(_serve, server)


async def _serve(server: Server) -> None:
    async with stdio_server() as (received, sent):
        await server.run(received, sent, server.create_initialization_options())


class Tools:
    """The tools in a project.

    Args:
        program: the command line.
        project: the folder, as a resolved path.
    """

    def __init__(self, program: TyperGroup, project: Path) -> None:
        self._program, self.project = program, project

    async def listed(
        self, context: ServerRequestContext, request: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        """Return all tools with their schemas."""
        return types.ListToolsResult(tools=[self._description(name) for name in TOOLS])

    async def call(
        self, context: ServerRequestContext, request: types.CallToolRequestParams
    ) -> types.CallToolResult:
        """Run the command of a tool; an error is its one line, and the edits it would lose."""
        try:
            words = self._words(request.name, request.arguments or {})
            command = [sys.executable, "-P", "-m", "ltscaffold.cli", *words]
            done = await anyio.run_process(command, cwd=self.project, stdin=DEVNULL, check=False)
        except (ScaffoldError, ValueError, OSError) as error:  # also a null byte, or a long line
            return _result([str(error)], is_error=True)
        printed, remarks = done.stdout.decode(), done.stderr.decode(errors="replace")
        if not printed:
            return _result([last_line(remarks)], is_error=True)
        output = json.loads(printed)
        if "error" in output:
            refused = output["error"]
            return _result([refused["message"], refused.get("diff", "")], is_error=True)
        return _result([printed, remarks], structured_content=output)

    def _description(self, name: str) -> types.Tool:
        tool = TOOLS[name]
        parameters = {command: self._parameters(command) for command in tool.commands}
        summaries = {command: self._summary(command) for command in tool.commands}
        properties: Schema = {}
        for found in parameters.values():
            for key, each in found.items():
                properties.setdefault(key, _property(each))
        first = tool.commands[0]
        if tool.commands[1:]:
            lines = [
                f"{command} ({', '.join(found)}): {summaries[command]}"
                for command, found in parameters.items()
            ]
            description = "\n".join([tool.description, *lines])
            properties = {"command": {"type": "string", "enum": [*tool.commands]}, **properties}
            inputs = _object(properties, ["command"])
        else:
            description = tool.description or summaries[first]
            inputs = _object(properties, _required(parameters[first]))
        return types.Tool(
            name=name,
            description=description,
            input_schema=inputs,
            output_schema=output_schema(first),
            annotations=types.ToolAnnotations(read_only_hint=tool.read_only),
        )

    def _words(self, name: str, arguments: Mapping[str, Any]) -> list[str]:
        """Return the command line after `ltscaffold` of a call.

        Args:
            name: the tool.
            arguments: those of the call.

        Raises:
            ScaffoldError: if the tool or an argument is unknown, or a path leaves the project.
        """
        if name not in TOOLS:
            raise unknown("tool", name, TOOLS, f"choose {', '.join(TOOLS)}")
        tool, given = TOOLS[name], dict(arguments)
        command = given.pop("command", None) if tool.commands[1:] else tool.commands[0]
        if command not in tool.commands:
            raise unknown("command", str(command), tool.commands, "see the tool's description")
        parameters = self._parameters(command)
        properties = {key: _property(each) for key, each in parameters.items()}
        schema = _object(properties, _required(parameters))
        if problem := best_match(Draft202012Validator(schema).iter_errors(given)):
            raise ScaffoldError(f"{command}: {problem.message}; see the tool's description")
        for key, each in parameters.items():
            if isinstance(each.type, TyperPath):
                self._check_inside(str(given.get(key, each.default)))
        options = [
            word
            for key, each in parameters.items()
            if isinstance(each, TyperOption)
            for word in _option(each, given.get(key))
        ]
        positional = [
            value
            for key, each in parameters.items()
            if isinstance(each, TyperArgument)
            for value in _values(given.get(key))
        ]
        return [*command.split(), *tool.options, *options, "--json", "--", *positional]

    def _check_inside(self, path: str) -> None:
        if not (self.project / path).resolve().is_relative_to(self.project):
            raise ScaffoldError(f"'{path}' is outside {self.project}; give a path within it")

    def _command(self, command: str) -> Any:
        found: Any = self._program
        for word in command.split():
            found = found.commands[word]
        return found

    def _summary(self, command: str) -> str:
        return str(self._command(command).help).partition("\n")[0]

    def _parameters(self, command: str) -> Parameters:
        """Return the parameters of a command that a call may give, by name."""
        parameters = self._command(command).params
        return {each.name: each for each in parameters if each.name not in NOT_OFFERED}


def _object(properties: Schema, required: Iterable[str]) -> Schema:
    keys = {"properties": properties, "required": [*required], "additionalProperties": False}
    return {"type": "object", **keys}


def _required(parameters: Parameters) -> list[str]:
    return [name for name, each in parameters.items() if each.required]


def _property(parameter: TyperArgument | TyperOption) -> Schema:
    """Return the JSON schema of a parameter of a command."""
    about = {"description": parameter.help or ""}
    if getattr(parameter, "is_flag", False):
        return {"type": "boolean", **about}
    choices = getattr(parameter.type, "choices", None)
    value: Schema = {"type": "string", **({"enum": [*choices]} if choices else {})}
    if getattr(parameter, "multiple", False) or parameter.nargs == -1:
        return {"type": "array", "items": value, **about}
    return value | about


def _option(option: TyperOption, value: Any) -> list[str]:
    if option.is_flag:
        return [option.opts[0]] if value else []
    return [f"{option.opts[0]}={each}" for each in _values(value)]


def _values(value: Any) -> list[str]:
    """Return the values of a parameter: of a list its elements, of a missing one none."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _result(texts: Iterable[str], **fields: Any) -> types.CallToolResult:
    content = [types.TextContent(text=text) for text in texts if text]
    return types.CallToolResult(content=[*content], **fields)
