"""What is trained? The models, and the vectors that they start from."""
