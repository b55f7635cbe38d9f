"""What can a client ask? The GraphQL types and root fields."""
