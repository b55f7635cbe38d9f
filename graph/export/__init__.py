"""How do other programs get the graph? Files in their formats."""
