// What two books share, the rarest first
MATCH (:Book {title: 'War and Peace'})-[:LINKS_TO]->(link:Link)<-[:LINKS_TO]-(:Book {title: 'Anna Karenina'})
RETURN link.title AS both_link_to, link.num_books AS num_books
ORDER BY num_books
