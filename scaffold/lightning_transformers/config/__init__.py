"""Everything that knows Hydra: compose and check a config, explain errors, launch processes.

The functions that run a composed config are in `runs`. Imports all rooms below; torch only after
the config has passed its checks.
"""
