"""Three-way merges of texts: `(ours, base, theirs)` in, a merged text out.

The public functions are `python.merge_python`, `yaml.merge_yaml` and `lines.merge_lines`, which
calls `git merge-file`. Not here: paths, projects, templates. `project` and `commands` import them.
"""
