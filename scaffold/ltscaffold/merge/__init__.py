"""Three-way merges: what the templates gave, what it was edited into, what they give now."""

from ltscaffold.merge.files import How, Merge, is_edited, merge_files
from ltscaffold.merge.lines import three_way

__all__ = ["How", "Merge", "is_edited", "merge_files", "three_way"]
