"""From a checked body to a job and its files."""
