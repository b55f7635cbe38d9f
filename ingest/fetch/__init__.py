"""Where do pages come from? Wikimedia's dump site or a mirror of it, or the API of a wiki."""
