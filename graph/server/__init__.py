"""How does the local Neo4j run? Its process, home folder, ports and logs."""
