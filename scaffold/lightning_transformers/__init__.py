"""Fine-tune Hugging Face models with PyTorch Lightning, configured by Hydra.

Importing this package is cheap: torch and its companions load with the submodule that needs them.
"""
