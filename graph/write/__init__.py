"""How is the graph changed? Loading, single edits, vectors and the map."""
