"""The fault suite: seeded injections into every command, and what must hold after each of them."""
