"""Recorded predictions, predictions on a file, and the report of a run."""
