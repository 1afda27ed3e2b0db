"""Parts of the training loop: losses, metrics, schedules, checkpoints, resume.

Functions and small classes; the hooks that call them are in `core`. Imports `base`, `models` and
`data`.
"""
