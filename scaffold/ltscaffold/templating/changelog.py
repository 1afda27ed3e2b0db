"""The changelog of the templates."""

import re
from collections.abc import Container, Iterator
from pathlib import Path

ENTRY = re.compile(r"^## (?P<version>\S+).*\n(?P<text>(?:(?!## ).*\n?)*)", re.MULTILINE)
LINE = re.compile(r"^\* (?P<text>.*(?:\n  .*)*)", re.MULTILINE)


def release_notes(templates: Path, versions: Container[str]) -> Iterator[str]:
    """Yield a line per change in versions, oldest version first.

    Args:
        templates: a folder of templates; without a CHANGELOG.md nothing is yielded.
        versions: tags, such as v1.1.0.
    """
    changelog = templates / "CHANGELOG.md"
    text = changelog.read_text(encoding="utf-8") if changelog.is_file() else ""
    for entry in reversed(list(ENTRY.finditer(text))):
        for version in (entry["version"], f"v{entry['version']}"):
            if version in versions:
                for line in LINE.finditer(entry["text"]):
                    yield f"{version}: {' '.join(line['text'].split())}"
