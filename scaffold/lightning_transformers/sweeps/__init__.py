"""Sweeps with Optuna: which values a sweep of Hydra tries next, and what it found.

Hydra's launcher runs the trials, each a training of its own; here nothing is trained. Optuna is
imported in here alone, and this room only with `-m hydra/sweeper=optuna`, or in a trial.
"""

TRIAL = "LTSCAFFOLD_TRIAL"
"""Variable of the environment that names the trial of a job, in JSON."""
