"""What the ranks of a run know of each other."""
