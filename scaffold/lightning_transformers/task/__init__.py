"""The tasks: a folder each, with `model.py`, `data.py` and a module for each thing only it knows.

Tasks do not import each other; what several of them inherit is in `shared`. Imports `callbacks`,
`core` and the rooms below.
"""
