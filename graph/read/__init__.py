"""What do training and maps read of the graph? Edges, labels and vectors, as arrays."""
