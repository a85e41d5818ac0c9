"""Scenarios: runs kept as YAML and replayed as tests."""
