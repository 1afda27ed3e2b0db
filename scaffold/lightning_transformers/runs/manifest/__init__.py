"""What a run depends on, as it is recorded in the run folder, and how a later state differs."""
