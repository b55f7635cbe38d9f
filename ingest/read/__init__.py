"""How do book records come out of files? NDJSON and dumps, in pieces and on all cores."""
