"""Predict: `python predict.py task=nlp/<name> checkpoint_path=<file> x="some text"`."""

from lightning_transformers.predict import main

if __name__ == "__main__":
    main(__file__)
