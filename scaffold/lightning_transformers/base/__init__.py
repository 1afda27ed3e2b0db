"""Foundations of every other folder: errors, types, hyperparameters, seeds, package files.

Nothing here depends on a model, a task or a run's config. Imports no other folder.
"""
