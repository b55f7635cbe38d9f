"""How does a request arrive and a response leave? The guard, GraphQL over HTTP, static pages."""
