"""A page of sections: one HTML file that opens offline, and its pictures as PNG."""

import re
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader

from lightning_transformers.base.atomic import write_atomically
from lightning_transformers.reports.parts import Section
from lightning_transformers.reports.picture import Picture


def write_page(file: Path, title: str, subtitle: str, sections: Sequence[Section]) -> None:
    """Write a page, and each of its pictures to `<name of the page>_pictures` beside it.

    Args:
        file: the HTML file.
        title: the heading.
        subtitle: the line below it.
        sections: its sections.
    """
    environment = Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("page.html.jinja")
    with write_atomically(file) as beside:
        page = template.render(title=title, subtitle=subtitle, sections=sections)
        beside.write_text(page, encoding="utf-8")
    for section in sections:
        for part in section.parts:
            if isinstance(part, Picture):
                part.save(pictures(file) / f"{slug(f'{section.title} {part.title}')}.png")


def pictures(file: Path) -> Path:
    """Return the folder of a page's pictures."""
    return file.with_name(f"{file.stem}_pictures")


def slug(text: str) -> str:
    """Return the name of a file for a title."""
    return re.sub(r"\W+", "-", text.partition(":")[0].lower()).strip("-")
