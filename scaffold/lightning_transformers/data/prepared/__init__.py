"""Examples that are prepared once and read from a folder: its record, and its shards.

Imports `base`, `data.cache`, `data.reading.names` and `data.sampling` only; `runs.preparing` writes
such a folder.
"""
