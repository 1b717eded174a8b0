"""The one way in which an export fails, and the reason that has more than one place."""


class ExportError(Exception):
    """No model was made; the message is one line that names the file and what is wrong with it."""


def compare_sha256(found: str | None, expected: str | None, words: str) -> None:
    """Where both are known they must be equal, or it raises ExportError."""
    if None not in (found, expected) and found != expected:
        raise ExportError(f"{words} {found}, not {expected}")
