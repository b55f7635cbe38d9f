// Why they are near: the ten nearest and the rarest links that they share
CYPHER 25
MATCH (model:EmbeddingModel {is_current: true})
MATCH (book:Book {title: 'War and Peace'})
MATCH (near:Book)
  SEARCH near IN (
    VECTOR INDEX book_embedding FOR book.embedding
    WHERE near.embedding_version = model.version
    LIMIT 11
  ) SCORE AS score
WHERE near <> book
CALL (book, near) {
  MATCH path = (book)-[:LINKS_TO]->(link:Link)<-[:LINKS_TO]-(near)
  RETURN path ORDER BY link.num_books LIMIT 3
}
RETURN path
