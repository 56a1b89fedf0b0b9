"""Batches of graphs, gathered from a dataset's arrays at once."""

from nb301_ogb.loaders.batching.loader import FastDataLoader

__all__ = ["FastDataLoader"]
