"""The command that tokenizes and packs texts once, into a folder that trainings read."""
