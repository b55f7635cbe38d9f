"""What does an operator run and see? Processes, logs, metrics and traces."""
