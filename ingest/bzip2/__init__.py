"""How is bzip2 decompressed in parallel and fast? Blocks, and the kernels that decode them."""
