"""Base classes of several tasks: data modules for text and labels, sequence-to-sequence tasks.

Code that only one task needs stays in its folder. Imports `core` and the rooms below.
"""
