"""The tasks: a folder each, with `model.py`, `data.py` and the modules that only this task needs.

Tasks do not import each other; their common base classes are in `shared`. Imports `callbacks`,
`core` and the rooms below.
"""
