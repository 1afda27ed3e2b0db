"""The command line: what a person types and sees.

Here: arguments, prompts, shell completion, output as text, patch or JSON, exit statuses. Not here:
what a command does. Nothing imports it. A command imports what it needs inside its function, which
keeps `--help` fast.
"""
