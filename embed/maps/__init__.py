"""Where is each book on the map? Arranges the vectors in two dimensions."""
