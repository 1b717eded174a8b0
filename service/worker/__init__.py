"""Worker processes: they carry out jobs, report on them, and sweep up."""
