"""Where do the local Neo4j's jars come from? A committed lock and a verified cache."""
