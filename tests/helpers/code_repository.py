"""A model repository with custom code."""

import json
from pathlib import Path

HEAD = "transformers.AutoModelForSequenceClassification"


CODE = """from pathlib import Path
from transformers import BertConfig, BertForSequenceClassification
Path({mark!r}).touch()
class OwnConfig(BertConfig):
    model_type = "own"
class Own(BertForSequenceClassification):
    config_class = OwnConfig
"""


def bring_code(repository: Path, mark: Path) -> None:
    """Add code to a repository that creates the file `mark` when it runs."""
    (repository / "own.py").write_text(CODE.format(mark=str(mark)))
    config = json.loads((repository / "config.json").read_text())
    auto_map = {"AutoConfig": "own.OwnConfig", HEAD.partition(".")[2]: "own.Own"}
    changed = {**config, "model_type": "own", "auto_map": auto_map}
    (repository / "config.json").write_text(json.dumps(changed))
