"""The one way in which an export fails."""


class ExportError(Exception):
    """No model was made; the message is one line that names the file and what is wrong with it."""
