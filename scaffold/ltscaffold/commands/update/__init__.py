"""`ltscaffold update`: the merge with newer templates, and everything that comes with a version.

A remark of a version (codemod, removed hook, news) goes through `remarks`. See `commands`.
"""
