"""``aqa render``: poses, and whatever else is worth seeing, drawn over video."""
