"""Export a model: `python export.py +task=<group>/<name> +checkpoint_path=<file>`."""

from lightning_transformers.cli import export

if __name__ == "__main__":
    export(__file__)
