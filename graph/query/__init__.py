"""What does the graph answer? Requested fields, compiled into one Cypher statement a request."""
