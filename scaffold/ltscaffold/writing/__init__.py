"""Plans and their execution: the only folder that changes files of a project.

Here: `Plan`, and the transaction that applies it as a whole, with a journal and a history. Not
here: what a plan should contain. Commands build plans; `cli` applies them.
"""
