"""Tests of the documentation; `make test-docs` runs the slow ones."""
