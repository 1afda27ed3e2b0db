"""What a command does with a composed config: train, evaluate, predict, export, rerun.

Each is a function of a config, and where it makes sense without Hydra a function of task, data and
trainer. `manifest` records what a run depends on. Only `cli` and `testing` import this room.
"""
