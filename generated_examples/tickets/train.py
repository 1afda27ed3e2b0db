"""Train a task: `python train.py +task=<group>/<name> dataset.train_file=<file>`."""

from lightning_transformers.cli import train

if __name__ == "__main__":
    train(__file__)
