"""The record of a project, `.copier-answers.yml`: its content and the valid names.

Here: reading and checking the record, the component types, the rules for names. Not here:
templates, or writing a file. Every room above may import it.
"""
