// Shortest paths between two books
MATCH path = allShortestPaths(
  (:Book {title: 'Dune'})-[:LINKS_TO|REFERS_TO*..6]-(:Book {title: 'Emma'}))
RETURN path
LIMIT 10
