"""`python -m bookgraph` runs the command line."""

from bookgraph.cli.app import main

if __name__ == "__main__":
    main()
