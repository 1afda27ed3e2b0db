"""Everything that knows Hydra: composing, checking and explaining a config, launching processes.

A function of a composed config is called from here; what it does is in `runs`. Imports all rooms
below, torch only once a config is known to be right.
"""
