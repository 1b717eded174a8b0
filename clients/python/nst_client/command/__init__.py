"""The command `nst`."""
