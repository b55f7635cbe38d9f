"""Wikitext: which templates and links a page holds, and what a reader sees of them."""
