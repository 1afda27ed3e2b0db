"""Traces: the values of a run at each step, and their comparison."""
