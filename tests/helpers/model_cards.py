"""The model card of an exported repository."""

import os
import re
from contextlib import chdir
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard
from PIL import Image

PICTURE = "image.png"


def run_code(folder: Path, former: str = "", replacement: str = "") -> dict[str, Any]:
    """Execute the code of a card beside its folder, and return its variables.

    Args:
        folder: the repository.
        former: a name in the code that the reader replaces.
        replacement: the name in its place.
    """
    (code,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    namespace: dict[str, Any] = {}
    with chdir(folder.parent):
        Image.new("RGB", (16, 16)).save(PICTURE)
        exec(code.replace(f'"{former}"', f'"{replacement}"'), namespace)
        os.unlink(PICTURE)
    return namespace


def card_of(folder: Path) -> ModelCard:
    """Return a card as the hub's library reads it."""
    return ModelCard.load(folder / "README.md")


def intervals_in(folder: Path) -> dict[str, tuple[float, float, float]]:
    """Return value and ends of the interval of each metric that has one, by name."""
    row = r"^\| `(\w+/\w+)` \| (\S+) \| (\S+) to (\S+) \|$"
    found = re.findall(row, (folder / "README.md").read_text(), re.M)
    return {name: (float(value), float(low), float(high)) for name, value, low, high in found}


def files_with(folder: Path, *texts: str) -> list[str]:
    """Return the files below a folder that contain one of the texts."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [
        f"{path.name}: {text}"
        for path in files
        for text in texts
        if text.encode() in path.read_bytes()
    ]
