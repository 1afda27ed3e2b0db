"""The pages of the documentation site.

`stage` copies the pages of the repository and rewrites the links between them, `reference`
generates pages from the code. zensical makes the site from the result, as `zensical.toml` says.
"""
