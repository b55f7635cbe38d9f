// The books nearest to one, by its vector
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
RETURN near.title AS title, near.author AS author, round(2 * score - 1, 3) AS cosine
