"""Several nodes on this machine; `make test-clusters` runs them."""
