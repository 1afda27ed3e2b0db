"""Build the sample datasets and the tiny models of the runtime."""
