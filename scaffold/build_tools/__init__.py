"""Tools that build files of the packages: template history, sample datasets, tiny models.

Not in the wheel. Nothing in `ltscaffold` or `lightning_transformers` may import it.
"""
