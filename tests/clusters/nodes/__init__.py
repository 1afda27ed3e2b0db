"""Several nodes with torchrun."""
