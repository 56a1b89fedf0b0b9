"""The reference entries: which runs they are made of, how far these are, and how they are packed and shown."""
