"""Where do dumps come from? Wikimedia's site or a mirror of it, downloaded and verified."""
