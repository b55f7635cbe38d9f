// A book and its links
MATCH path = (book:Book {title: 'War and Peace'})-[:LINKS_TO]->(:Link)
RETURN path
LIMIT 40
