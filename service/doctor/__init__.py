"""What `python -m service doctor` looks at: a set-up as it is here and now, each thing by itself."""
