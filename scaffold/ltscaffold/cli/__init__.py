"""The command line: arguments, prompts and output.

Here: arguments, prompts, shell completion, output as text, patch or JSON, exit statuses. Not here:
the work of a command. Nothing imports this folder. A command imports its modules inside its
function, which keeps `--help` fast.
"""
