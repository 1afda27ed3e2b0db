"""A report in headless Chromium: `CHROMIUM=<binary> pytest` of this file.

A page around the report has it in a frame of the width of a phone or a screen, and shows what the
report measures in itself: the width that it needs, how many tables of scores and pictures scroll,
and the requests that it makes.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

from lightning_transformers.reports.run_files import RunFiles
from lightning_transformers.reports.run_report import write_report
from tests.helpers.pages import run_folder
from tests.helpers.report_rows import tickets

CHROMIUM = os.environ.get("CHROMIUM", "")
SCHEMES = {"light": "1", "dark": "0"}
MEASURE = """<script>
const style = getComputedStyle(document.body);
const element = document.documentElement;
const boxes = [...document.querySelectorAll(".wide, figure")];
const scores = boxes.filter((box) => box.matches("figure") || /precision/.test(box.textContent));
const cut = scores.filter((box) => box.scrollWidth > box.clientWidth).length;
const requests = performance.getEntriesByType("resource").length;
const found = [element.scrollWidth, element.clientWidth, cut, requests, style.backgroundColor];
parent.postMessage(found.join(), "*");
</script></body>"""
FRAME = """<body><iframe width="{width}" height="2000" src="inner.html"></iframe><pre></pre>
<script>onmessage = (event) => document.querySelector("pre").textContent = event.data</script>"""

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="CHROMIUM names no browser")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_the_screen_without_error_or_request(
    scheme: str, width: int, tmp_path: Path
) -> None:
    run = RunFiles(run_folder(tmp_path / "run", tickets()))
    report = write_report(run, {"val/loss": 0.5})
    page = tmp_path / "page.html"
    page.write_text(FRAME.format(width=width))
    inner = report.read_text("utf-8").replace("</body>", MEASURE)
    (tmp_path / "inner.html").write_text(inner, "utf-8")
    command = [
        *(CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
        *("--enable-logging=stderr", "--virtual-time-budget=2000"),
        f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}",
        *("--dump-dom", page.as_uri()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    measured = re.search(r"<pre>(\d+),(\d+),(\d+),(\d+),(.+)</pre>", done.stdout)
    assert measured, done.stdout
    needed, available, cut, requests, background = measured.groups()
    assert int(needed) <= int(available) <= width
    assert background == {"light": "rgb(246, 248, 250)", "dark": "rgb(13, 17, 23)"}[scheme]
    assert (cut, requests, "CONSOLE" in done.stderr) == ("0", "0", False)
