"""How do other programs read the graph? Files in their formats."""
