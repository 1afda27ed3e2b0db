"""Evaluate: `python evaluate.py +task=<group>/<name> +checkpoint_path=<file>`."""

from lightning_transformers.cli import evaluate

if __name__ == "__main__":
    evaluate(__file__)
