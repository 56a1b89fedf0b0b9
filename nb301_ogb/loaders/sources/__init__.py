"""Upstream formats: one module a source, each turning what its publisher wrote into checked columns."""
