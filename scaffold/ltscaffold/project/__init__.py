"""A project as a whole: its components, their files, and what is wrong with them.

Here: what two or more commands share. It reads a project and returns plans, states or findings; it
writes nothing and prints nothing. `commands` and `cli` may import it.
"""
