"""The Hydra configs of the runtime, found by projects as `pkg://lightning_transformers.conf`."""
