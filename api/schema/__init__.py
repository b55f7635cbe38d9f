"""Which fields does the API have, and what do they return? GraphQL types and root fields.

Each module holds the types of one subject and the root fields that return them: `book`, `link`,
`node` (global ids), `similar`, `between`, `search`, `overview`, `map`, `mutation`, `subscription`.
`build` joins them; `inputs`, `connections` and `resolve` are shared.
"""
