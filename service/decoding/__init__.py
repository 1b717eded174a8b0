"""Pictures' files -> pixels, in processes of their own: a file can only harm the process that reads it."""
