"""How is the map exported? As an HTML page, an SVG or a PNG, in one file each."""
