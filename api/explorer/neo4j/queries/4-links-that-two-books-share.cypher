// Links that two books share, rarest first
MATCH (:Book {title: 'War and Peace'})-[:LINKS_TO]->(link:Link)<-[:LINKS_TO]-(:Book {title: 'Anna Karenina'})
RETURN link.title AS shared_link, link.num_books AS num_books
ORDER BY num_books
