"""Hugging Face models: loading them, and changing their structure or trainable parameters.

Functions take a model and return or change one; none depends on a task, the training loop or
data. Imports `base`.
"""
