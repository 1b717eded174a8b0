"""Damaged picture files: what leaves every pixel there is mended as browsers do, and the rest is told why not."""
