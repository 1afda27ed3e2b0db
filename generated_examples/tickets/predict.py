"""Predict: `python predict.py +task=<group>/<name> +checkpoint_path=<file> +x=text`."""

from lightning_transformers.cli import predict

if __name__ == "__main__":
    predict(__file__)
