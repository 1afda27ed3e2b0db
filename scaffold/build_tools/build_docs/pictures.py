"""Draw the pictures of the documentation: a run in a terminal, and its report in a browser.

    python -m build_tools.build_docs.pictures

It generates and trains a task in a temporary folder, offline. The report needs Chromium.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from build_tools.release_templates import ROOT

PICTURES = ROOT / "docs/pictures"
COMMANDS = (
    "ltscaffold new-task my_classifier --base text_classification --recipe label_smoothing",
    "python train.py +task=nlp/my_classifier experiment=smoke hydra.run.dir=outputs/run",
)
SHOWN = re.compile(
    r"  \+ (tasks/my_classifier/m|conf/task|tests/test|train\.py)|Finished|Best:|Run f"
)
IN_LOG = re.compile(r"(train set:|step (10|50|100|150) of|validation at)")
COLUMNS = 116


def main() -> None:
    """Write `run.svg` and `report.png`."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        draw_run(project)
        browser = shutil.which("chromium") or shutil.which("google-chrome")
        if browser is None:
            raise SystemExit("no Chromium: install it to draw the report")
        subprocess.run(
            [
                *(browser, "--headless", "--no-sandbox", "--hide-scrollbars"),
                *("--window-size=1000,640", f"--screenshot={PICTURES / 'report.png'}"),
                (project / "outputs/run/report.html").as_uri(),
            ],
            check=True,
            capture_output=True,
        )


def draw_run(project: Path) -> None:
    """Execute the two commands in a folder, and write what they print as a picture."""
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"))  # noqa: SIM115
    scripts = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for command in COMMANDS:
        console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
        done = subprocess.run(
            command.split(),
            cwd=project,
            env=os.environ | {"PATH": scripts, "HF_HUB_OFFLINE": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
        for line in done.stdout.splitlines():
            if shown := displayed(line, project):
                console.print(Text(shown, no_wrap=True, overflow="ellipsis"))
    drawn = console.export_svg(title="ltscaffold", unique_id="run")
    local = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)  # fonts of another site
    (PICTURES / "run.svg").write_text(local, encoding="utf-8")


def displayed(line: str, project: Path) -> str:
    """Return a line of a command as the picture shows it, or "" to leave it out."""
    text = re.sub(r"^\[[^\]]*\]\[[^\]]*\]\[INFO\] - ", "", line.replace(f"{project}/", ""))
    return text if SHOWN.match(text) or IN_LOG.match(text) else ""


if __name__ == "__main__":
    main()
