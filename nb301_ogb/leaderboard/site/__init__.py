"""The static site: an index, a page for each board, the boards as JSON and Markdown, the submissions themselves."""
