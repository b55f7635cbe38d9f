"""Wikipedia's books and the pages they link to: a graph in Neo4j, embeddings, a GraphQL API."""


def __getattr__(name: str) -> str:
    """Read the version when it is first needed: `--help` takes 20 ms less without it."""
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415  # see above

        return version("bookgraph")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
