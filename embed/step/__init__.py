"""What is one training step made of? Sampling, losses and optimizers."""
