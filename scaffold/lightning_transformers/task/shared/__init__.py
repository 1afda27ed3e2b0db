"""What several tasks inherit: data modules on text, labels, text-to-text tasks.

A thing that only one task knows stays with that task. Imports `core` and the rooms below.
"""
