"""Facts about VGG19 and its file: layers, levels, geometry, digests. Nothing here runs it."""
