"""Pages of the repository at their place in the site, with the links between them rewritten."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from build_tools.release_templates import ROOT

STAGED = ROOT / "build/docs"
ELSEWHERE = {
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "templates/README.md": "reference/template-format.md",
    "benchmarks/README.md": "benchmarks/index.md",
}
"""Pages outside `docs`, and their paths in the site; those of `benchmarks` keep theirs."""
GENERATED = {"cli", "bases", "hooks", "recipes", "shell", "callbacks", "api", "former-keys"}
"""Names of the pages below `docs/reference` that `reference` generates."""
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
CODE = re.compile(r"`[^`\n]*`")
NO_PROSE = re.compile(r"[|#!]|```|    ")
"""Beginning of a paragraph that is a table, a heading, a picture or code."""
COMMENT = re.compile(r"<!--.*?-->\n*", re.DOTALL)


def staged_pages() -> dict[str, str]:
    """Return the text of each page of the repository by its path in the site."""
    return {target: staged(source, target) for source, target in sources().items()}


def sources() -> dict[str, str]:
    """Return the path in the site of each page, by its path in the repository."""
    docs = {f"docs/{path}": path for path in below("docs")}
    tables = {f"benchmarks/{path}": f"benchmarks/{path}" for path in below("benchmarks")}
    return docs | tables | ELSEWHERE


def below(folder: str) -> list[str]:
    """Return the paths of the pages below a folder of the repository, sorted."""
    root = ROOT / folder
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*.md"))


def staged(source: str, target: str) -> str:
    """Return the text of a page for the site: without comments, with links to pages of the site.

    Args:
        source: its path in the repository.
        target: its path in the site.
    """
    text = COMMENT.sub("", (ROOT / source).read_text("utf-8"))
    linked = outside_code(text, lambda part: LINK.sub(lambda m: relinked(m, source, target), part))
    return CODE.sub(lambda code: code[0].replace(r"\|", "|"), linked)  # GitHub needs the escape


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Return a text with a function applied to all but its fenced blocks."""
    parts = re.split(r"(^ *```.*?^ *```$)", text, flags=re.DOTALL | re.MULTILINE)
    return "".join(part if index % 2 else change(part) for index, part in enumerate(parts))


def relinked(link: re.Match[str], source: str, target: str) -> str:
    """Return a link of a page as the site needs it.

    A link to a file of the repository that is not a page of the site keeps its text only.

    Args:
        link: the match of LINK.
        source: the path of the page in the repository.
        target: its path in the site.
    """
    picture, text, address = link.groups()
    path, hash_mark, anchor = address.partition("#")
    if "://" in address or not path or picture:
        return link[0]
    linked = os.path.normpath(Path(source).parent / path)
    found = sources().get(linked) or generated(linked)
    if found is None:
        if not (ROOT / linked).exists():
            raise SystemExit(f"{source} links to {address}, which does not exist")
        return text
    return f"[{text}]({os.path.relpath(found, Path(target).parent)}{hash_mark}{anchor})"


def generated(path: str) -> str | None:
    """Return the path in the site of a generated page, or None for another path."""
    folder, _, name = path.removesuffix(".md").rpartition("/")
    return f"reference/{name}.md" if folder == "docs/reference" and name in GENERATED else None


def navigation(entries: list[Any], section: str = "") -> Iterator[tuple[str, str]]:
    """Yield the section and the path of each page in the navigation of `zensical.toml`."""
    for entry in entries:
        if isinstance(entry, str):
            yield section, entry
        else:
            for title, below_it in entry.items():
                if isinstance(below_it, str):
                    yield section, below_it
                else:
                    yield from navigation(below_it, title)


def llms_txt(config: Mapping[str, Any], texts: Mapping[str, str]) -> str:
    """Return `llms.txt`: each page with its address and its first sentence, by section.

    Args:
        config: the table `project` of `zensical.toml`.
        texts: the text of each page by its path.
    """
    lines = [f"# {config['site_name']}", "", f"> {config['site_description']}"]
    current = None
    for section, path in navigation(config["nav"]):
        if section != current:
            lines += ["", f"## {section or 'Start'}", ""]
            current = section
        title, summary = title_and_summary(texts[path])
        lines.append(f"- [{title}]({path.removesuffix('.md')}.html): {summary}")
    return "\n".join(lines) + "\n"


def title_and_summary(text: str) -> tuple[str, str]:
    """Return the heading of a page, and the first sentence below it, without markup."""
    title, _, rest = text.partition("# ")[2].partition("\n")
    paragraphs = [each for each in rest.strip("\n").split("\n\n") if not NO_PROSE.match(each)]
    first = " ".join(paragraphs[0].split()) if paragraphs else title
    plain = LINK.sub(r"\2", first).replace("**", "").lstrip("* ")
    return title.replace("`", ""), re.split(r"(?<=\.)\s", plain)[0]
