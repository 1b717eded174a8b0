"""Backups: one file with the database and the blobs that its rows name, and the way back."""
