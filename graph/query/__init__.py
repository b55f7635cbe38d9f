"""How is the graph asked? What a client wants, compiled into one Cypher statement a request."""
