"""The shell of a project: the parts around its code, such as pyproject.toml, README and CI.

Here: which parts there are, the files that stand in their way, the ltscaffold that they name. Not
here: rendering or merging, which treats a part as any component.
"""
