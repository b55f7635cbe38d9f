// Books like two, but unlike a third
CYPHER 25
MATCH (model:EmbeddingModel {is_current: true})
MATCH (a:Book {title: 'War and Peace'}), (b:Book {title: 'Dracula'}), (c:Book {title: 'Emma'})
WITH model, a, b, c,
  [i IN range(0, model.dim - 1) |
    a[model.vector][i] + b[model.vector][i] - c[model.vector][i]] AS direction
CALL db.index.vector.queryNodes(model.book_index, 13, direction)
  YIELD node AS similar, score
WHERE NOT similar IN [a, b, c]
RETURN similar.title AS title, similar.author AS author, round(2 * score - 1, 3) AS cosine
