"""The commands of a project, `train.py` and `predict.py`, and of the console.

Nothing of the training stack is imported before it is known to be there.
"""

import sys
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from typing import NoReturn

STACK = ("datasets", "hydra", "pytorch_lightning", "torch", "transformers")


def train(script: str | None = None) -> None:
    """Train what the command line says; `script` is the file that was started."""
    check_installation()
    from lightning_transformers.app import run_app
    from lightning_transformers.train import train_from_config

    run_app(train_from_config, script)


def predict(script: str | None = None) -> None:
    """Predict on what the command line says; `script` is the file that was started."""
    check_installation()
    from lightning_transformers.app import run_app
    from lightning_transformers.predict import predict_from_config

    run_app(predict_from_config, script, keeps_files=False)


def check_installation() -> None:
    """Exit with one line if a part is missing, or another owns this package's name."""
    missing = [name for name in STACK if find_spec(name) is None]
    if missing:
        _exit(f'{", ".join(missing)} not installed: pip install "ltscaffold[train]"')
    try:
        distribution("lightning-transformers")
    except PackageNotFoundError:
        return
    _exit(
        "the abandoned lightning-transformers is installed and overwrites this package: "
        "pip uninstall lightning-transformers, then pip install --force-reinstall ltscaffold"
    )


def _exit(mistake: str) -> NoReturn:
    print(f"error: {mistake}", file=sys.stderr)
    sys.exit(2)
