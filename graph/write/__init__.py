"""What changes the graph? Loads, single edits, vectors, maps, constraints and indexes."""
