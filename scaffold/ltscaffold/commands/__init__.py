"""The commands, one module each, as functions that a program can call, too."""
