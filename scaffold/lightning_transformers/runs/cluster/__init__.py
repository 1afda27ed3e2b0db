"""Commands as jobs of SLURM: submitit submits them; here are their command line and their files.

`submit` runs on the login node, `command` on the nodes, where it imports nothing of the stack.
"""
