"""Commands that read a project and change nothing. See `commands`."""
