"""Findings in the classes of a project and in the configs that name them.

Here: what the source of a class and of its bases tells, also of those in the runtime and in
Lightning. Nothing is imported: modules are located and parsed. `commands.inspect` may import it.
"""
