"""The studio: the web page at /."""
