"""Storage: rows in the database, files in the blob store."""
