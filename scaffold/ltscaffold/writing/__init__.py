"""Plans and their execution: the only folder that changes files of a project.

Here: `Plan`, the transaction that applies it as a whole, and the state of a project, which is its
journal and its history. Not here: the content of plans. Commands build plans; `cli` executes them.
"""
