"""Fuzzing of everything that reads files; see `harness`."""
