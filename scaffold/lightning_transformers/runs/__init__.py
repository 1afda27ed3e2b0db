"""The commands: train, evaluate, predict, export, rerun, explain; and `load`, for Python.

Each command is a function of a composed config; the first four are also public functions of a task
and its data. `manifest` records the provenance of a run. Imports `config` and the rooms below; only
the package's face, `cli` and `testing` import this room.
"""
