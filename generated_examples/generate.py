"""Render the examples again: `make examples`.

Each is a project as `ltscaffold new-task` writes it, with the edits of `edits.py`. The test
suite compares the committed projects with a fresh run of this script.
"""

import shutil
from pathlib import Path

from edits import EXAMPLES

HERE = Path(__file__).parent


def main() -> None:
    """Replace every committed example with a fresh one."""
    for name, example in EXAMPLES.items():
        project = HERE / name
        shutil.rmtree(project, ignore_errors=True)
        project.mkdir()
        example.generate(project)
        print(f"generated_examples/{name}")


if __name__ == "__main__":
    main()
