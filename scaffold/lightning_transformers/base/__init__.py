"""What every room may use: errors, types, hyperparameters, seeds, files of the package.

Nothing here knows a model, a task or a config of a run. Imports no other room.
"""
