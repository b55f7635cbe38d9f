/**
 * Cypher for Neo4j Browser: texts that it can run, and addresses that open it with one. Titles
 * become string literals here and nowhere else.
 */

// Longer addresses are cut by some servers and browsers.
const MAX_ADDRESS = 8_000;

/** A string literal. Besides what Cypher asks for, it escapes what would end Neo4j Browser's address. */
export function quote(text) {
  const escaped = text.replace(/[\\'"`&#\p{Cc}\u2028\u2029]/gu, (letter) =>
    letter === "\\" || letter === "'"
      ? `\\${letter}`
      : `\\u${letter.codePointAt(0).toString(16).padStart(4, "0")}`,
  );
  return `'${escaped}'`;
}

/** A book with its links. */
export function bookQuery(title) {
  return `MATCH path = (:Book {title: ${quote(title)}})-[:LINKS_TO]->(:Link)\nRETURN path LIMIT 100`;
}

/** A link with the books that mention it. */
export function linkQuery(name) {
  return `MATCH path = (:Link {name: ${quote(name)}})<-[:LINKS_TO]-(:Book)\nRETURN path LIMIT 100`;
}

/** Chosen books or links, as nodes. */
export function selectionQuery(kind, keys) {
  const [label, key] = kind === "link" ? ["Link", "name"] : ["Book", "title"];
  const list = keys.map((one) => `  ${quote(one)}`).join(",\n");
  return `MATCH (n:${label})\nWHERE n.${key} IN [\n${list}\n]\nRETURN n`;
}

/** The address that opens Neo4j Browser with a query in its editor; null where it would be too long. */
export function browserAddress(browserUrl, query) {
  const address = `${browserUrl}?cmd=edit&arg=${encodeURIComponent(query)}`;
  return browserUrl && address.length <= MAX_ADDRESS ? address : null;
}

/** The address that opens Neo4j Browser with the guide. */
export function guideAddress(browserUrl) {
  const guide = new URL("neo4j/guide.html", document.baseURI);
  // Neo4j lets its Browser load from this name of the machine, and not from its number.
  if (["127.0.0.1", "[::1]"].includes(guide.hostname)) guide.hostname = "localhost";
  return `${browserUrl}?cmd=play&arg=${guide.href}`;
}
