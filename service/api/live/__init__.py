"""Requests that last: event streams, and waits for the end of a job."""
