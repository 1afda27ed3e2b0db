"""The page of a proof, which the runtime writes with the library of its run reports."""

import json
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from ltscaffold.commands.prove.prove import Proof
from ltscaffold.project.interpreter import python_output

MODULE = "lightning_transformers.reports.proof"


def write_page(project: Path, proof: Proof, page: Path) -> None:
    """Write a proof as an HTML page that opens offline.

    Args:
        project: the folder of the project.
        proof: the proof.
        page: the file.

    Raises:
        ScaffoldError: if the page cannot be written.
    """
    with TemporaryDirectory(prefix="ltscaffold-prove-") as folder:
        content = Path(folder) / "proof.json"
        content.write_text(json.dumps(asdict(proof)), encoding="utf-8")
        python_output(project, "-m", MODULE, str(content), str(page.resolve()))
