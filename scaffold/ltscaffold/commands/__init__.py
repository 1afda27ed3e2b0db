"""The commands: functions that return a `Plan` or findings, for the command line and for programs.

One module per command, in the folder for its purpose. A command neither prints, prompts nor writes,
and imports no other command: shared code belongs in `project`. Only `cli` imports commands.
"""
