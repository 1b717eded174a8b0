"""Checks of the installed packages and the settings."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, version

from service import __version__
from service.config import Settings, unknown_variables, variables
from service.doctor.report import FAILURE, OK, WARNING, Finding
from service.doctor.store import is_current
from service.machine import descriptors
from service.machine.memory import MIB, PAINTER, available, largest_size, max_whole_pixels, needed
from service.options import OPTIONS
from service.tenants.access import ADVICE, has_keys
from service.webhooks.settings import check_settings

PACKAGES = ("torch", "onnx", "numpy", "SQLAlchemy", "gunicorn", "celery")
RUNTIMES = ("onnxruntime-gpu", "onnxruntime")  # one of them is enough
KEYS = "make a key with python -m service keys add"
SHAPE = (4, 3)  # aspect ratio for which sizes are reported


def check_versions(settings: Settings) -> Iterator[Finding]:
    """Check the versions of Python, this service and its main packages."""
    yield Finding(OK, "service", f"{__version__}, Python {platform.python_version()}, {platform.machine()}")
    found = {name: _version(name) for name in PACKAGES}
    runtimes = {name: _version(name) for name in RUNTIMES if _version(name)}
    yield Finding(OK, "packages", ", ".join(f"{name} {it}" for name, it in (found | runtimes).items() if it))
    missing = [name for name, it in found.items() if it is None] + ([] if runtimes else [RUNTIMES[0]])
    if missing:
        advice = "pip install -r requirements.txt"
        yield Finding(FAILURE, "packages", f"missing: {', '.join(missing)}", advice)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def check_variables(settings: Settings) -> Iterator[Finding]:
    """Check for misspelt settings, and for valid ones that make no sense together."""
    unknown = unknown_variables()
    for name in unknown:
        near = get_close_matches(name, variables(), 1)
        advice = f"is {near[0]} meant?" if near else "is it misspelt?"
        yield Finding(WARNING, "settings", f"{name} is set, but there is no such setting", advice)
    check_settings(settings)
    on_many = settings.database_url.startswith("postgresql")
    if settings.broker_url and not on_many:
        advice = "workers on other machines need NST_DATABASE_URL=postgresql+psycopg://…"
        yield Finding(WARNING, "settings", "NST_BROKER_URL is set, but the database is a file here", advice)
    if on_many and not settings.blobs:
        advice = "set NST_BLOBS to an s3:// URL if workers run elsewhere"
        yield Finding(WARNING, "settings", "the database is PostgreSQL, but blobs are a folder here", advice)
    if settings.photos and not os.access(f"{settings.photos}/", os.R_OK | os.X_OK):  # the / takes folders alone
        text = f"NST_PHOTOS: {settings.photos} is no folder that can be read: painters learn without it"
        yield Finding(WARNING, "settings", text, "see its path and its owner")
    if not settings.api_keys and (found := list(_open_to(settings))):
        asks = is_current(settings) and has_keys(settings.database)
        yield from () if asks else found
    if not unknown:
        yield Finding(OK, "settings", "every NST_ variable is a setting, and can be read")


def _open_to(settings: Settings) -> Iterator[Finding]:
    """Report who can use a service without API keys."""
    if not settings.may_ask_for_no_key:
        text = f"it listens on {settings.host} and has no keys: serve and web don't start"
        yield Finding(FAILURE, "settings", text, ADVICE)
    elif settings.bound is None or not settings.bound.is_loopback:
        advice = f"{KEYS}, or let a proxy ask who it is"
        yield Finding(WARNING, "settings", f"it listens on {settings.host} and asks nobody for a key", advice)
    for name, values in (("NST_HOSTS", settings.hosts), ("NST_CORS_ORIGINS", settings.cors_origins)):
        if "*" in values:
            advice = f"name them in {name}, or {KEYS}"
            yield Finding(WARNING, "settings", f"{name} is *, and no key is asked for: any page may use it", advice)


def check_descriptors(settings: Settings) -> Iterator[Finding]:
    """Check that processes may open as many files as the service needs."""
    if problem := descriptors.why_too_few():
        yield Finding(FAILURE, "files", problem, descriptors.ADVICE)
    else:
        yield Finding(OK, "files", f"a process may open {descriptors.LEAST} files, or more")


def _too_little(settings: Settings, least: int) -> tuple[str, str]:
    """Return why the smallest job, which takes `least` bytes, doesn't fit into a worker, and what to do."""
    has = f"a worker has {settings.worker_memory // MIB} MiB of {available() // MIB} MiB"
    takes = f"the smallest job takes {least // MIB} MiB, and Gram matrices up to {settings.gram_memory // MIB} MiB"
    if settings.memory_mb:
        return f"{has} (NST_MEMORY_MB): {takes}", "raise NST_MEMORY_MB, or lower NST_GRAM_MEMORY_MB"
    return f"{has}: {takes}", "give more memory, or lower NST_WORKERS, NST_PAINTERS or NST_GRAM_MEMORY_MB"


def check_memory(settings: Settings) -> Iterator[Finding]:
    """Check the memory for a job, and report the sizes that fit it in float32, which takes the most."""
    width, height = SHAPE

    def needed_at(size: int) -> int:
        return needed(size, size * height // width, [(size, size)], "float32")

    low, high = (int(OPTIONS["size"].metadata[name]) for name in ("low", "high"))
    largest = largest_size(needed_at, settings.job_memory, range(low, high + 1))
    whole = int((max_whole_pixels(settings.job_memory, "float32") * width / height) ** 0.5)
    if largest is None:
        yield Finding(FAILURE, "memory", *_too_little(settings, needed_at(low)))
        return
    text = f"{settings.job_memory // MIB} MiB for a job on the CPU, of {available() // MIB} MiB"
    sizes = f"4:3 up to {largest} px, from {min(whole, largest)} px on tile by tile" if whole < largest else ""
    yield Finding(OK, "memory", f"{text}: {sizes or f'4:3 up to {largest} px in one piece'}")
    if settings.workers * settings.worker_memory + settings.painters * PAINTER > available():
        text = f"{settings.workers} workers and {settings.painters} painter workers may take more than there is"
        yield Finding(WARNING, "memory", text, "lower NST_MEMORY_MB, NST_WORKERS or NST_PAINTERS")
