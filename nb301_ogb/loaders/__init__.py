"""How a user gets a dataset: from a source to a file, from a file to graphs and batches."""
