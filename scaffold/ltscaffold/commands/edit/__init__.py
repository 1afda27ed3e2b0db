"""Commands that change or remove a component, and `undo`. See `commands`."""
