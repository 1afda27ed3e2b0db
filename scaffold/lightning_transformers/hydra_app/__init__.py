"""The Hydra application: composes the config, checks it, runs a command, explains mistakes."""
