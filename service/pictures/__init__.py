"""Pictures as arrays: sizes, colour, transparency, encoding."""
