"""What a dataset file is: its layout, and how it is written, read and verified."""
