// The most mentioned links
MATCH (link:Link)
RETURN link.title AS title, link.kind AS kind, link.num_books AS num_books
ORDER BY num_books DESC
LIMIT 25
