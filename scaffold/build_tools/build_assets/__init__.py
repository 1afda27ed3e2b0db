"""Builds the samples and the tiny models that ship with the runtime."""
