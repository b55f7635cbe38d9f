"""How does a request arrive? GraphQL over HTTP, the guard before it, and the console."""
