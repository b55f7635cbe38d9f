"""The command line: one module for each command, or for a few commands that belong together."""
