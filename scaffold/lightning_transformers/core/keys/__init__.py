"""Keys that every task has, each group with its values and the callback that applies it."""
