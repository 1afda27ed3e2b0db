"""The schema of the config: the arguments of each `_target_`, their types, limits and meanings.

`signatures` describes an imported class, `targets.json` what the package's config names, as of its
release, so that a wrong value is found before torch is imported. The check, the help of a key, the
reference and the schema for editors use the same descriptions.
"""
