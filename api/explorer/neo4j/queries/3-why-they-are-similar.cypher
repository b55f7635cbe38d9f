// Why they are similar: the rarest links that the ten books share with it
CYPHER 25
MATCH (model:EmbeddingModel {is_current: true})
MATCH (book:Book {title: 'War and Peace'})
CALL db.index.vector.queryNodes(model.book_index, 11, book[model.vector])
  YIELD node AS similar, score
WHERE similar <> book
CALL (book, similar) {
  MATCH path = (book)-[:LINKS_TO]->(link:Link)<-[:LINKS_TO]-(similar)
  RETURN path ORDER BY link.num_books LIMIT 3
}
RETURN path
