"""The tasks: what a model is trained to do."""
