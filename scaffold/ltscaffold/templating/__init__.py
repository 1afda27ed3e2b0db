"""Templates: their history, what a version offers, and the files that it renders.

Here: the cached repository of the templates, rendering, the catalog, the changelog, and the mapping
of an edited file back to its template. Not here: the files of a project. `project`, `commands` and
`cli` may import it; git runs `remote_helper`.
"""
