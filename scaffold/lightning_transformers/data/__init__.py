"""From files and the hub to batches: loading, the cache, dataloaders, collators, packing.

Also pure functions on labels and texts. A data module is not here but in `core`; nothing reads a
model. Imports `base` and `models`.
"""
