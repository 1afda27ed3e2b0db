"""Runs of the same config with other seeds and folds, and the statistics of their metrics."""
