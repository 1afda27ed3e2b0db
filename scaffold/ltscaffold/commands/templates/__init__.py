"""Commands for those who develop or override templates. See `commands`."""
