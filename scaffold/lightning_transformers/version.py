"""The version of the distribution; the metadata of an editable installation can be stale."""

VERSION = "0.2.0"
