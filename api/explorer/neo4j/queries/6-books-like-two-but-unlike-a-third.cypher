// Books like two, but unlike a third
CYPHER 25
MATCH (model:EmbeddingModel {is_current: true})
MATCH (a:Book {title: 'War and Peace'}), (b:Book {title: 'Dracula'}), (c:Book {title: 'Emma'})
WITH model, a, b, c,
  [i IN range(0, size(a.embedding) - 1) |
    a.embedding[i] + b.embedding[i] - c.embedding[i]] AS direction
MATCH (similar:Book)
  SEARCH similar IN (
    VECTOR INDEX book_embedding FOR vector(direction, size(direction), FLOAT32)
    WHERE similar.embedding_version = model.version
    LIMIT 13
  ) SCORE AS score
WHERE NOT similar IN [a, b, c]
RETURN similar.title AS title, similar.author AS author, round(2 * score - 1, 3) AS cosine
