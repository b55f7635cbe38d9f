"""How are bzip2 files decompressed in parallel and fast? By block, compiled or not."""
