"""Commands to develop and override templates. See `commands`."""
