"""The error of an export that fails, and the check of a file's SHA-256."""


class ExportError(Exception):
    """No model was made; the message is one line that names the file and what is wrong with it."""


def compare_sha256(found: str | None, expected: str | None, words: str) -> None:
    """Raise ExportError if both digests are known and differ."""
    if None not in (found, expected) and found != expected:
        raise ExportError(f"{words} {found}, not {expected}")
