"""Where is each book on the map? Layouts of the vectors in two dimensions."""
