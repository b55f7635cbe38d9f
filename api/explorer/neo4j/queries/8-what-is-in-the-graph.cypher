// What the graph holds: counts, model and map
OPTIONAL MATCH (model:EmbeddingModel {is_current: true})
RETURN COUNT { (:Book) } AS books, COUNT { (:Link) } AS links,
  COUNT { ()-[:LINKS_TO]->() } AS edges, model.version AS model, model.dim AS dim,
  model.tsne_kept_share_books AS map_kept_share
