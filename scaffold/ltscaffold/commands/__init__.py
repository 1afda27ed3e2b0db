"""The commands: functions that return a `Plan` or findings, for the command line and for programs.

One module per command, in the room for its purpose. A command prints nothing, asks nothing, writes
nothing and imports no other command: shared code belongs in `project`. Only `cli` imports them.
"""
