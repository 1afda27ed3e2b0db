"""A project as a whole: its components, their files, and findings in them.

Here: code that two or more commands share. It reads a project and returns plans, states or
findings; it neither writes nor prints. `commands` and `cli` may import it.
"""
