"""Repeat a run and compare its metrics: `python rerun.py <run folder>`."""

from lightning_transformers.cli import rerun

if __name__ == "__main__":
    rerun(__file__)
