"""Hugging Face models: loading them, and changing their structure or what of them trains.

Functions take a model and return or change one; none knows a task, a trainer's loop or data.
Imports `base`.
"""
