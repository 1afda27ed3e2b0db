"""`ltscaffold update --prove` and `ltscaffold prove`: does a change leave the numbers alone?

Runs are repeated in a copy of the project outside its tree, before and after the change, and
compared bit for bit; where they differ, a bisection finds the cause. Nothing here writes to the
project. See `commands`.
"""
