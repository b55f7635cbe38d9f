"""What is trained on? Edges as arrays, and products with their matrix."""
