"""What builds the files that the packages ship: template history, samples, tiny models.

Not in the wheel. Nothing in `ltscaffold` or `lightning_transformers` may import it.
"""
