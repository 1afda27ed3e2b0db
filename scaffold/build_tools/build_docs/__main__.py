"""Write the pages of the site to `build/docs`, for zensical.

python -m build_tools.build_docs
"""

import shutil
import tomllib

from build_tools.build_docs.reference import pages
from build_tools.build_docs.stage import STAGED, llms_txt, navigation, staged_pages
from build_tools.release_templates import ROOT


def main() -> None:
    """Write the pages, the pictures and `llms.txt`."""
    shutil.rmtree(STAGED, ignore_errors=True)
    texts = staged_pages() | pages()
    for path, text in texts.items():
        file = STAGED / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    for folder in ("pictures", "assets"):
        shutil.copytree(ROOT / "docs" / folder, STAGED / folder)
    config = tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))["project"]
    (STAGED / "llms.txt").write_text(llms_txt(config, texts), encoding="utf-8")
    listed = {path for _, path in navigation(config["nav"])}
    if listed != texts.keys():
        raise SystemExit(f"zensical.toml and the pages differ: {sorted(listed ^ texts.keys())}")


if __name__ == "__main__":
    main()
