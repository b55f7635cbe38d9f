"""What only developers run: the jar lock and the committed GraphQL schema."""
