"""What only developers run: the jar lock, the committed GraphQL schema, and generated pages."""
