// Books similar to one book, by vector
CYPHER 25
MATCH (model:EmbeddingModel {is_current: true})
MATCH (book:Book {title: 'War and Peace'})
MATCH (similar:Book)
  SEARCH similar IN (
    VECTOR INDEX book_embedding FOR book.embedding
    WHERE similar.embedding_version = model.version
    LIMIT 11
  ) SCORE AS score
WHERE similar <> book
RETURN similar.title AS title, similar.author AS author, round(2 * score - 1, 3) AS cosine
