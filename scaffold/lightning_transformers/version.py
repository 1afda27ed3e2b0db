"""The version of the distribution; the metadata of an editable installation can be stale."""

VERSION = "1.0.0rc1"
