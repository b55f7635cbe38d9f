"""How good is a model? Ranking of held-out edges, neighbours and baselines."""
