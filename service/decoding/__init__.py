"""Picture files -> pixels, in separate processes: a file can only harm the process that reads it."""
