"""How is a graph kept, and brought back? Backups: one file with all of it, through Bolt."""
