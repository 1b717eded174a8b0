"""Content-Disposition: the name under which a browser saves a file (RFC 6266, RFC 8187)."""

from __future__ import annotations

import re
from urllib.parse import quote

PLAIN = "!#$&+-.^_`|~"  # RFC 8187's characters beside letters and digits
_UNSAFE = re.compile(r'[^\x20-\x7e]|["\\%]')  # in a quoted text: some programs read \ and % as the start of another


def disposition(name: str, kind: str = "inline") -> str:
    """Return the header's value for a file: `filename`, and `filename*` where that can't hold the name."""
    simple = _UNSAFE.sub("_", name)
    value = f'{kind}; filename="{simple}"'
    return value if simple == name else f"{value}; filename*=UTF-8''{quote(name, safe=PLAIN)}"
