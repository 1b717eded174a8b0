"""Several machines: Celery carries the wake-up and runs the worker processes; the row in the database decides."""
