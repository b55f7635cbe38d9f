/**
 * Cypher for Neo4j Browser: queries that it can run, and addresses that open it with one. Titles
 * become string literals here and nowhere else.
 */

/** @typedef {import("./format.js").Kind} Kind */

// Some servers and browsers cut longer addresses.
const MAX_ADDRESS = 8_000;

/**
 * A string literal. It also escapes the characters that would end Neo4j Browser's address.
 * @param {string} text
 */
export function quote(text) {
  const escaped = text.replace(/[\\'"`&#\p{Cc}\u2028\u2029]/gu, (letter) =>
    letter === "\\" || letter === "'"
      ? `\\${letter}`
      : `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `'${escaped}'`;
}

/**
 * A book with its links.
 * @param {string} title
 */
export function bookQuery(title) {
  return `MATCH path = (:Book {title: ${quote(title)}})-[:LINKS_TO]->(:Link)\nRETURN path LIMIT 100`;
}

/**
 * A link with the books that mention it.
 * @param {string} name
 */
export function linkQuery(name) {
  return `MATCH path = (:Link {name: ${quote(name)}})<-[:LINKS_TO]-(:Book)\nRETURN path LIMIT 100`;
}

/**
 * Selected books or links, as nodes.
 * @param {Kind} kind
 * @param {string[]} keys titles of books or names of links
 */
export function selectionQuery(kind, keys) {
  const [label, key] = kind === "link" ? ["Link", "name"] : ["Book", "title"];
  const list = keys.map((one) => `  ${quote(one)}`).join(",\n");
  return `MATCH (n:${label})\nWHERE n.${key} IN [\n${list}\n]\nRETURN n`;
}

/**
 * The address that opens Neo4j Browser with a query in its editor.
 * @param {string|null} browserUrl where Neo4j Browser is; null where that is not known
 * @param {string} query
 * @returns {string|null} null where there is no Neo4j Browser or the address would be too long
 */
export function browserAddress(browserUrl, query) {
  const address = `${browserUrl}?cmd=edit&arg=${encodeURIComponent(query)}`;
  return browserUrl && address.length <= MAX_ADDRESS ? address : null;
}

/**
 * The address that opens Neo4j Browser with the guide.
 * @param {string} browserUrl
 */
export function guideAddress(browserUrl) {
  const guide = new URL("neo4j/guide.html", document.baseURI);
  // Neo4j Browser may load guides from `localhost`, but not from its IP address.
  if (["127.0.0.1", "[::1]"].includes(guide.hostname)) guide.hostname = "localhost";
  return `${browserUrl}?cmd=play&arg=${guide.href}`;
}
