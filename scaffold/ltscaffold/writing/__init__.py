"""Plans and their execution: the only folder that changes files of a project.

Here: `Plan`, and the transaction that applies it as a whole, with a journal and a history. Not
here: the content of plans. Commands build plans; `cli` executes them.
"""
