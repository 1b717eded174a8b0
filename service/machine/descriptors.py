"""File descriptors that a process may have."""

from __future__ import annotations

import resource

ADVICE = "raise the hard limit (ulimit -Hn, LimitNOFILE= of systemd, --ulimit nofile= of docker)"
LEAST = 256  # of a worker, or of the web server with few connections, with room to spare


def why_too_few() -> str:
    """Return why the limit of this process is too low for the service; empty where it isn't."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if most == resource.RLIM_INFINITY or most >= LEAST:
        return ""
    return f"a process may open {most} files here, where {LEAST} are the least"


def raise_limit() -> None:
    """Let this process and its children open LEAST files at least, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < LEAST:
        least = LEAST if hard == resource.RLIM_INFINITY else min(LEAST, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (least, hard))
