"""The checks of `python -m service doctor`, one for each part of an installation."""
