"""The web server: the app as a whole, and gunicorn's worker, which reads whole requests."""
