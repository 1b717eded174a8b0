"""Where things are kept: rows in the database, files in the blobs."""
