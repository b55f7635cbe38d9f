"""How does the map leave the browser? As one page, an SVG or a PNG."""
