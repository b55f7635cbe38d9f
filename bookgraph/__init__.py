"""Wikipedia's books and the pages they link to: a graph, embeddings and answers."""
