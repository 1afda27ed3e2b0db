"""Knowledge that the ranks of a run share."""
