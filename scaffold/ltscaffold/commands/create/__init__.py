"""Commands that create a project, a task, a dataset or a callback. See `commands`."""
