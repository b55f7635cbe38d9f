"""Generators, fakes and running servers for tests and benchmarks. Not part of the wheel."""
