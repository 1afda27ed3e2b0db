"""Templates: their versions, their catalog and the files that they render.

Here: the cached repository of the templates, rendering, the catalog, the changelog, the mapping of
an edited file back to its template, and a rehearsal of `copier update`. Not here: the files of a
project. `project`, `commands` and `cli` may import it; git runs `remote_helper`.
"""
