"""The blocks of a documentation page, and what executes or checks each of them.

A page is executed from top to bottom in one folder. A block with a title is a file of that
folder; a comment above a block changes how it is checked, see `Block.mark`.
"""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer.main
import yaml

from build_tools.release_templates import ROOT
from lightning_transformers.config.compose import compose
from ltscaffold.cli.app import app
from tests.helpers import warm

DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in DOCS.rglob("*.md"))
BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>[^>]*?) -->\n)?"
    r"^```(?P<language>\w*)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<code>.*?)^```$"
    r"|^<!-- test\n(?P<hidden>.*?)-->$",
    re.DOTALL | re.MULTILINE,
)
LANGUAGES = {"bash", "python", "yaml", "csv", "json", "jinja", "text"}
MARK = re.compile(r"compose|exit [1-9]|none: .+")
SHELL = frozenset("|&;<>$*()`")
SCRIPTS = ("train", "evaluate", "predict", "export")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, or hidden commands of its test.

    Attributes:
        line: the line of its code in the page, from 1.
        language: the word behind the fence.
        code: its text.
        title: the file that it is the content of, or "".
        mark: "": it is executed; "compose": its commands are parsed and their configs composed;
            "exit 1": its last command ends with this status; "none: reason": it is not checked.
    """

    line: int
    language: str
    code: str
    title: str
    mark: str


def blocks(text: str) -> list[Block]:
    """Return the blocks of a page in order."""
    found = []
    for match in BLOCK.finditer(text):
        language, code = match["language"] or "text", match["code"]
        if match["hidden"] is not None:
            language, code = "bash", match["hidden"]
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(line, language, code, match["title"] or "", match["mark"] or ""))
    return found


def commands(script: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command of a script, and its words; none if the shell must read them."""
    joined = re.sub(r"\\\n\s*", " ", script)
    for line in filter(str.strip, joined.splitlines()):
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            words = []
        bare = re.sub(r"'[^']*'|\"[^\"$]*\"|\s#.*", "", line)
        if words:
            yield line, [] if SHELL & set(bare) else words


class Reader:
    """Someone who follows a page.

    Attributes:
        folder: the present working directory.
        environment: variables of each command.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = dict(environment)
        self.namespace: dict[str, object] = {"__name__": "__main__"}

    def follow(self, page: str) -> None:
        """Follow a page of the repository, and fail at the first block that does not work."""
        for block in blocks((ROOT / page).read_text("utf-8")):
            try:
                self.take(block)
            except Exception as error:
                raise AssertionError(f"{page}:{block.line}: {error}") from error

    def take(self, block: Block) -> None:
        """Write, execute or check a block."""
        if block.mark.startswith("none"):
            return
        if block.title:
            file = self.folder / block.title
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.code, encoding="utf-8")
        elif block.language == "bash" and block.mark == "compose":
            for _, words in commands(block.code):
                check_command(words, self.folder)
        elif block.language == "bash":
            status = int(block.mark.removeprefix("exit ") or 0)
            listed = list(commands(block.code))
            for number, (line, words) in enumerate(listed, 1):
                self.execute(line, words, status if number == len(listed) else 0)
        elif block.language == "python":
            os.chdir(self.folder)
            exec(compile(block.code, "page", "exec"), self.namespace)
        elif block.language == "yaml":
            yaml.safe_load(block.code)

    def execute(self, line: str, words: list[str], status: int) -> None:
        """Execute a command; its exit status must be the given one."""
        newest = self.newest_run()
        if newest:
            line = line.replace("outputs/…", newest)
            words = [word.replace("outputs/…", newest) for word in words]
        if words[:1] == ["cd"]:
            self.folder = (self.folder / words[1]).resolve()
            return
        if words and words[0] in warm.FORKED:
            done = warm.run(words, self.folder, os.environ | self.environment)
        else:
            done = subprocess.run(
                ["bash", "-e", "-c", line],
                cwd=self.folder,
                env=os.environ | self.environment,
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode != status:
            ending = f"{done.stdout}{done.stderr}"[-3000:]
            raise AssertionError(f"{line}: exit status {done.returncode}\n{ending}")

    def newest_run(self) -> str:
        """Return the newest run folder, relative to the working directory, or ""."""
        runs = [path.parent for path in self.folder.glob("outputs/**/manifest.yaml")]
        runs = [path for path in runs if "former" not in path.parts]
        newest = max(runs, key=lambda run: (run / "manifest.yaml").stat().st_mtime, default=None)
        return "" if newest is None else newest.relative_to(self.folder).as_posix()


def check_command(words: list[str], project: Path) -> None:
    """Check that a command of ours is one: its arguments are parsed, its config is composed.

    Args:
        words: the command and its arguments; other programs are not checked.
        project: the working directory; its `conf/` is used if it has one.
    """
    if words[:1] == ["ltscaffold"]:
        check_arguments(typer.main.get_command(app), words[1:])
    scripts = [word for word in words if word.endswith(".py")]
    script = Path(scripts[0]).stem if scripts else ""
    if words[:3] == ["python", "-m", "lightning_transformers"]:
        script, scripts = words[3], [words[3]]
    if script in SCRIPTS:
        arguments = words[words.index(scripts[0]) + 1 :]
        overrides = [swept(word) for word in arguments if not word.startswith("-")]
        os.chdir(project)
        conf = project / "conf"
        known = [word for word in overrides if not re.match(r"hydra|[^=]+=\w+\(", word)]
        compose(known, *([conf] if (conf / "config.yaml").is_file() else []))


def swept(override: str) -> str:
    """Return an override of a sweep with its first value."""
    key, equals, value = override.partition("=")
    if re.fullmatch(r"[\w.-]+(,[\w.-]+)+", value):
        return f"{key}{equals}{value.partition(',')[0]}"
    return override


def check_arguments(command: Any, arguments: list[str]) -> None:
    """Parse the arguments of a command and of the subcommand that they name."""
    context = command.make_context("ltscaffold", list(arguments), resilient_parsing=False)
    while hasattr(context.command, "commands"):
        name, found, rest = context.command.resolve_command(
            context, [*context._protected_args, *context.args]
        )
        assert found is not None, name
        context = found.make_context(name, rest, parent=context)
