"""`ltscaffold update`: the merge with newer templates, and the remarks of each version.

Codemods, removed hooks and release notes go through `remarks`. See `commands`.
"""
