"""Generate custom fine-tuning tasks, and keep them up to date with their templates.

Imports go one way: `cli -> commands -> project -> templating, merge -> writing -> record -> git ->
errors`. Nothing here imports torch, the runtime or Copier.
"""
