"""How is a GraphQL query run? Parsed, limited, priced and executed."""
