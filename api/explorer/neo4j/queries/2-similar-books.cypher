// Books similar to one book, by vector
CYPHER 25
MATCH (model:EmbeddingModel {is_current: true})
MATCH (book:Book {title: 'War and Peace'})
CALL db.index.vector.queryNodes(model.book_index, 11, book[model.vector])
  YIELD node AS similar, score
WHERE similar <> book
RETURN similar.title AS title, similar.author AS author, round(2 * score - 1, 3) AS cosine
