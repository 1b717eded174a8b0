"""What the processes count and time, for Prometheus: where it is kept, what there is, and how it is shown."""
