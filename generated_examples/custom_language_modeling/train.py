"""Train a task: `python train.py task=nlp/<name> dataset.train_file=<file>`."""

from lightning_transformers.train import main

if __name__ == "__main__":
    main(__file__)
