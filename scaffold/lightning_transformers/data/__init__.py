"""From files and the hub to batches: loading, cache, dataloaders, collators, packing.

Also pure functions on labels and texts. Data modules are in `core` and `task`. Imports `base` and
`models`.
"""
