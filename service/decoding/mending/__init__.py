"""Damaged picture files: those with every pixel are mended as browsers do; for others it is said what is wrong."""
