"""How does a query run? It is parsed, limited, priced, read ahead and executed."""
