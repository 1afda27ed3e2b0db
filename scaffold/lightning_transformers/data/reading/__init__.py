"""From names of files to rows as Arrow tables: sources, dialects, a module per format.

Cells are text as written; a task converts them where it needs a type. Each table has the hidden
column `LINE`, so that an error tells the line of a row. Imports `base` only.
"""
