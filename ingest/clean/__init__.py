"""What becomes of a record? Named, counted steps from raw text to a clean graph. No I/O."""
