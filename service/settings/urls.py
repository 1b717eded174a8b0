"""Settings that are URLs: each function reads a variable's text, and raises a ValueError that says what it must be.

No message shows the text, because there may be a password in it.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from service.settings import values

POSTGRESQL = "postgresql+psycopg"  # the driver that the service comes with
BROKERS = ("redis", "rediss", "amqp", "amqps")
ESCAPE = "%[0-9A-Fa-f]{2}"  # a character of a URL as a number
ROOT_PATH = r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)+"  # of folders, so that no link leads to another host


def database(text: str) -> str:
    """Read the URL of a database; postgres://, as many hosts of databases write it, is PostgreSQL too."""
    scheme, is_url, rest = text.partition("://")
    kind = scheme.partition("+")[0]
    if not is_url or kind not in ("sqlite", "postgresql", "postgres"):
        raise ValueError(
            f"must be a URL of SQLite or PostgreSQL, as in sqlite:////srv/service.db or {POSTGRESQL}://…"
        )
    _check_written_out(rest)
    if kind == "sqlite":
        _check_file(rest.removeprefix("/"))
    return f"{POSTGRESQL}://{rest}" if scheme == "postgres" else text


def _check_written_out(rest: str) -> None:
    """Refuse what a path may not have; in a password, which may have all else, only ${…} and {{…}}."""
    secret, _, place = rest.rpartition("@")
    template = re.search(r"\$\{\w+\}|\{\{", secret)
    if why := values.oddity(template[0] if template else re.sub(ESCAPE, "_", place)):
        raise ValueError(why)


def _check_file(name: str) -> None:
    """Refuse SQLite URLs without a file that all processes would find."""
    path, _, query = name.partition("?")
    if path in ("", ":memory:", "file::memory:") or "mode=memory" in query:
        raise ValueError("must name a file, as in sqlite:////srv/service.db: in memory each process has its own")
    _check_home(path)


def _check_home(path: str) -> None:
    if path.lstrip("/").startswith("~"):
        raise ValueError("has a ~, which stands for no folder in a URL: write the whole path")


def blobs(text: str) -> str:
    """Read where blobs are kept: a URL, or the path of a folder, of which the URL is returned."""
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", text):
        return values.path(text).absolute().as_uri()
    _check_written_out(text.partition(":")[2])
    parts = urlsplit(text)
    scheme = parts.scheme if parts.path.startswith("/") or parts.netloc else ""
    if scheme == "file" and parts.netloc not in ("", "localhost"):
        raise ValueError("has two slashes before its path where there must be three, as in file:///srv/blobs")
    if scheme == "file":
        _check_home(parts.path)
    elif scheme != "s3" or not parts.netloc:
        raise ValueError("must be a folder, or a URL as in file:///srv/blobs or s3://bucket/prefix")
    return text


def broker(text: str) -> str:
    """Read the URL of a broker."""
    if text.partition("://")[0] not in BROKERS or "://" not in text:
        raise ValueError("must be a redis:// or amqp:// URL")
    _check_written_out(text.partition("://")[2])
    return text


def host(text: str) -> str:
    """Read the address that the web server listens on; the brackets of an IPv6 address are left out."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if "/" in bare or re.fullmatch(r"[^:]*:\d*", bare):
        raise ValueError("must be an address or a host alone; its port is NST_PORT")
    return bare


def root_path(text: str) -> str:
    """Read the path below which a proxy shows the service; a slash at its end is left out."""
    path = text.rstrip("/")
    if path and not re.fullmatch(ROOT_PATH, path):
        raise ValueError("must be a path of letters, digits and . _ ~ - that begins with a slash, as in /paint")
    return path
