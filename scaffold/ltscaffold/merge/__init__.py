"""Three-way merges of texts: `(ours, base, theirs)` in, a merged text out.

`merge_python` and `merge_yaml` return a `Draft`: its text, its marks and its notes; or None where
only a merge by line is possible, which `lines.merge_lines` makes with `git merge-file`. Not here:
paths, projects, templates. `project` and `commands` import them.
"""

from ltscaffold.merge.python import merge_python
from ltscaffold.merge.yaml import merge_yaml

__all__ = ["merge_python", "merge_yaml"]
