"""Commands on run folders, which training writes and no record names.

They need no plan, and `undo` does not restore what they delete. See `commands`.
"""
