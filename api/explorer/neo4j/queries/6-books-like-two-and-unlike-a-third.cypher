// Books like two and unlike a third
CYPHER 25
MATCH (model:EmbeddingModel {is_current: true})
MATCH (a:Book {title: 'War and Peace'}), (b:Book {title: 'Dracula'}), (c:Book {title: 'Emma'})
WITH model, a, b, c,
  [i IN range(0, size(a.embedding) - 1) |
    a.embedding[i] + b.embedding[i] - c.embedding[i]] AS direction
MATCH (near:Book)
  SEARCH near IN (
    VECTOR INDEX book_embedding FOR vector(direction, size(direction), FLOAT32)
    WHERE near.embedding_version = model.version
    LIMIT 13
  ) SCORE AS score
WHERE NOT near IN [a, b, c]
RETURN near.title AS title, near.author AS author, round(2 * score - 1, 3) AS cosine
