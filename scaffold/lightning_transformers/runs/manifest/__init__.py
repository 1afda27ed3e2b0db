"""The provenance of a run: recorded in its folder, and compared with a later state."""
