"""Generate custom fine-tuning tasks, and keep them up to date with their templates."""
