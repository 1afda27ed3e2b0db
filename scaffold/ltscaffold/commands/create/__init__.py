"""Commands that add something: a project, a task, a dataset, a callback. See `commands`."""
