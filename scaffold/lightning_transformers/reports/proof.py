"""The page of a proof: `python -m lightning_transformers.reports.proof proof.json page.html`."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning_transformers.reports.page import write_page
from lightning_transformers.reports.parts import Facts, Part, Section, Table

HEAD = ("component", "verdict", "tests", "run", "steps", "equal values")


def main() -> None:
    """Write the page."""
    content, page = map(Path, sys.argv[1:])
    write(json.loads(content.read_text(encoding="utf-8")), page)


def write(proof: Mapping[str, Any], page: Path) -> None:
    """Write the page of a proof.

    Args:
        proof: the content of `--json` under the key `proof`.
        page: the HTML file.
    """
    components = proof["components"]
    rows = [
        [
            each["name"],
            each["verdict"],
            {None: "not tested", "": "pass"}.get(each["tests"], "fail"),
            each["run"] or "smoke run",
            each["steps"],
            each["values"],
        ]
        for each in components
    ]
    sections = [Section("Components", [Table("Runs before and after", HEAD, rows)])]
    sections += [Section(each["name"], _details(each)) for each in components]
    about = {"machine": proof["machine"], **proof["versions"]}
    digests = {"project before": proof["before"], "project after": proof["after"]}
    sections.append(Section("Environment", [Facts(about), Facts(digests)]))
    verdicts = {each["verdict"] for each in components}
    is_identical = verdicts <= {"identical"}
    title = "Bit-identical" if is_identical else "Not proven identical"
    write_page(page, f"{title}: {proof['change']}", "Runs repeated before and after", sections)


def _details(component: Mapping[str, Any]) -> list[Part]:
    parts: list[Part] = []
    if difference := component["difference"]:
        names = {"metric": "first difference", "step": "at step"}
        names |= {"expected": "before", "found": "after"}
        parts.append(Facts({shown: difference[name] for name, shown in names.items()}))
    if component["tests"]:
        parts.append(f"Tests: {component['tests']}")
    for name, singular in (("causes", "Cause"), ("origins", "From"), ("limits", "Note")):
        parts += [f"{singular}: {line}" for line in component[name]]
    return parts or ["All values are bit-identical."]


if __name__ == "__main__":
    main()
