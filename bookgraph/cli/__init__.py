"""The command line: arguments become settings and calls, results become text or JSON."""
