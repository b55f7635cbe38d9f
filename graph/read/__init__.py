"""How does the graph come out as arrays?"""
