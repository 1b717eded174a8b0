"""Settings from the environment, each with its default and unit."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

from service.authority import Authority, parse_host
from service.errors import FieldError, InvalidInput
from service.machine.container import cores
from service.machine.memory import MIB, PAINTER, available
from service.machine.threads import MOST_THREADS, wanted_threads
from service.settings import urls, values
from service.settings.limits import LIMITS

PAINTER_THREADS = 4  # beyond these a picture of 512 px is painted hardly faster

ROOT = Path(__file__).resolve().parent.parent


def _setting(default: Any, doc: str, parse: Callable[[str], Any] = str, low: float | None = None) -> Any:
    return field(default=default, metadata={"doc": doc, "parse": parse, "low": low})


def _limit(name: str) -> Any:
    limit = LIMITS[name]
    return _setting(None, f"limit of one tenant: {limit.doc}; empty: none", limit.read)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings; `data` is read from the variable NST_DATA, and so on."""

    host: str = _setting("127.0.0.1", "address the web server listens on", urls.host)
    port: int = _setting(8000, "port the web server listens on", values.port)
    data: Path = _setting(Path("data"), "folder of the embedded default: database and blobs", values.path)
    database_url: str = _setting(
        "", "URL of an SQLite file or of PostgreSQL, as SQLAlchemy has them; empty: SQLite in NST_DATA", urls.database
    )
    blobs: str = _setting(
        "", "where blobs are kept: a folder, or a file:// or s3:// URL; empty: a folder in NST_DATA", urls.blobs
    )
    model: Path = _setting(ROOT / "models" / "vgg19.onnx", "the model that python -m export built", values.path)
    device: str = _setting("auto", "auto (CUDA where it works), cpu or cuda", values.one_of("auto", "cpu", "cuda"))
    precision: str = _setting(
        "auto",
        "auto (bfloat16 where the processor or GPU has it), float32 or bfloat16",
        values.one_of("auto", "float32", "bfloat16"),
    )
    workers: int = _setting(1, "worker processes that serve starts", values.whole, 1)
    web_workers: int = _setting(2, "web processes", values.whole, 1)
    web_threads: int = _setting(
        16,
        "requests with a body that a web process works on at a time, and as many without one; at most half of them "
        "wait for jobs, half read batches, pictures by address or packs, and three quarters do one or the other; a "
        "tenant other than the default one may take half of each",
        values.whole,
        2,
    )
    threads: int = _setting(
        0,
        "CPU threads of a worker; 0: OMP_NUM_THREADS, else the cores of the machine or container, divided by "
        "NST_WORKERS; for a painter worker at most 4",
        values.up_to(MOST_THREADS),
        0,
    )
    painters: int = _setting(
        1,
        "painter workers that serve starts: what painters paint alone waits for no optimiser; 0: none",
        values.whole,
        0,
    )
    painter_memory_mb: float = _setting(
        160.0, "painters that a worker keeps ready, 10 MiB each, in MiB", values.number, 10
    )
    memory_mb: float = _setting(
        0.0,
        "memory that one worker may use, in MiB; 0: 90 % of the machine's or container's, less 300 MiB for each of "
        "NST_PAINTERS, divided by NST_WORKERS",
        values.number,
        0,
    )
    queue_limit: int = _setting(1000, "jobs that may wait; past it a POST gets 503", values.whole, 1)
    caller_limit: int = _setting(
        100,
        "jobs of one caller that may wait; past it 429. A caller is a tenant; in the tenant default an API key, an "
        "IPv4 address or an IPv6 /64 network",
        values.whole,
        1,
    )
    limit_requests: float | None = _limit("requests")
    limit_burst: int | None = _limit("burst")
    limit_waiting_jobs: int | None = _limit("waiting_jobs")
    limit_running_jobs: int | None = _limit("running_jobs")
    limit_daily_cost: float | None = _limit("daily_cost")
    limit_stored_mb: float | None = _limit("stored_mb")
    limit_presets: int | None = _limit("presets")
    limit_streams: int | None = _limit("streams")
    disk_floor_mb: float = _setting(
        200.0,
        "free room on a local disk below which nothing more is stored for callers (507), in MiB; at most a twentieth "
        "of the disk",
        values.number,
        0,
    )
    caller_disk_mb: float = _setting(
        10_240.0,
        "files of one caller, of jobs and presets, past which it gets 507, in MiB; 0: no limit",
        values.number,
        0,
    )
    retention: float = _setting(
        7 * 86_400.0,
        "how long an ended job and its files, and the former state of a preset, are kept, in seconds or as 90m, 12h, "
        "7d; presets are kept for ever. Below 22 hours pictures may expire before the last try to deliver them",
        values.duration,
        1,
    )
    lease_s: float = _setting(
        120.0, "seconds without progress after which a job is taken from its worker", values.number, 1
    )
    max_body_mb: float = _setting(64.0, "largest request body, in MiB", values.number, 0.001)
    body_s: float = _setting(
        600.0,
        "seconds in which a request's body must arrive; it must also be faster than 4 KiB a second",
        values.duration,
        1,
    )
    keepalive_s: int = _setting(
        75,
        "seconds that an idle connection stays open for its client's next request; make it longer than a proxy in "
        "front does; 0: none",
        values.whole,
        0,
    )
    request_pictures: int = _setting(64, "pictures of one request at most", values.whole, 1)
    request_megapixels: float = _setting(
        256.0, "megapixels of all pictures of one request at most", values.number, 0.001
    )
    decode_s: float = _setting(
        30.0,
        "CPU seconds to read all pictures of one request at most; one may take up to a third of it, by its format",
        values.duration,
        0.001,
    )
    gram_memory_mb: float = _setting(256.0, "Gram matrices that a worker keeps in memory, in MiB", values.number, 0)
    gram_disk_mb: float = _setting(
        10_240.0, "Gram matrices, and packs of them, kept in the blobs, in MiB", values.number, 0
    )
    starters: bool = _setting(
        True, "on or off: whether a database that never had presets begins with the service's own", values.switch
    )
    api_keys: tuple[str, ...] = _setting(
        (),
        "comma-separated keys of the tenant default, with all scopes; if set, or if there are keys in the database, "
        "/v1 asks for one",
        values.api_keys,
    )
    open: bool = _setting(
        False,
        "on or off: whether a service that asks for no key may listen on another address than loopback",
        values.switch,
    )
    hosts: tuple[str, ...] = _setting(
        (),
        "comma-separated hosts that the service is known by, beside loopback and NST_HOST: a host or *.domain, each "
        "also with :port, or *; without keys a request for another host gets 421",
        values.hosts,
    )
    cors_origins: tuple[str, ...] = _setting(
        (),
        "comma-separated origins whose pages may call the API, as in https://app.example.com, or *; empty: none",
        values.origins,
    )
    trusted_proxies: int = _setting(
        0,
        "proxies in front, whose X-Forwarded-For is believed when callers are told apart by address, and whose "
        "X-Forwarded-Prefix is believed where there is no NST_ROOT_PATH",
        values.whole,
        0,
    )
    root_path: str = _setting(
        "",
        "path below which a proxy shows the service, as in /paint; empty: that of X-Forwarded-Prefix where "
        "NST_TRUSTED_PROXIES believes it, else none",
        urls.root_path,
    )
    streams: int = _setting(
        200, "event streams that a web process keeps open, beside NST_WEB_THREADS", values.whole, 1
    )
    photos: Path | None = _setting(
        None,
        "folder of photographs on the worker's machine, from which all painters learn too; empty: none",
        values.path,
    )
    broker_url: str = _setting(
        "",
        "redis:// or amqp:// URL through which Celery wakes the workers; empty: they look by themselves",
        urls.broker,
    )
    image_hosts: tuple[str, ...] = _setting(
        (),
        "comma-separated hosts that pictures may be fetched from: a host, *.domain, an address or a network, each "
        "also with :port; empty: none",
        values.words,
    )
    image_buckets: tuple[str, ...] = _setting(
        (),
        "comma-separated buckets that pictures may be fetched from as s3://bucket/key, with the credentials of "
        "NST_BLOBS; empty: none",
        values.words,
    )
    webhook_hosts: tuple[str, ...] = _setting(
        (),
        "comma-separated hosts that callback_url may name: a host, *.domain, an address or a network, each also with "
        ":port; empty: none",
        values.words,
    )
    delivery_hosts: tuple[str, ...] = _setting(
        (),
        "comma-separated hosts that finished pictures may be delivered to: a host, *.domain, an address or a "
        "network, each also with :port; empty: none",
        values.words,
    )
    webhook_secret: tuple[str, ...] = _setting(
        (),
        "whsec_… by which webhooks are signed; several, comma-separated, while one replaces another; empty: one that "
        "the service made, see `python -m service webhook-secret`",
        values.words,
    )
    log: str = _setting(
        "auto", "form of the log: json, text, or auto (text at a terminal)", values.one_of("auto", "json", "text")
    )
    metrics_port: int = _setting(
        0, "port on which a worker that was started alone shows its metrics; 0: none", values.port_or_none
    )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Return the settings of NST_… variables; one that is unset or empty means the default.

        Raises:
            InvalidInput: values can't be used; the error names the variable of each.
        """
        found, errors = {}, []
        for name, f in variables().items():
            if text := environ.get(name, "").strip():
                try:
                    found[f.name] = values.parsed(text, f.metadata["parse"], f.metadata["low"])
                except ValueError as error:
                    errors.append(FieldError(name, f"{error}"))
        if errors:
            raise InvalidInput(errors)
        return cls(**found)

    @property
    def database(self) -> str:
        """SQLAlchemy URL of the database."""
        return self.database_url or f"sqlite:///{quote(str(self.data.absolute() / 'service.db'))}"

    @property
    def bound(self) -> Authority | None:
        """The host that the web server listens on; None if it can't be read."""
        return parse_host(self.host)

    @property
    def may_ask_for_no_key(self) -> bool:
        """Whether only this machine reaches the service, or NST_OPEN lets anybody in."""
        return self.open or (self.bound is not None and self.bound.is_loopback)

    @property
    def is_on_one_machine(self) -> bool:
        """Whether all parts of the service run on this machine, because the database is a file."""
        return self.database.startswith("sqlite")

    @property
    def blob_url(self) -> str:
        """URL of the blob store."""
        return self.blobs or (self.data.absolute() / "blobs").as_uri()

    @property
    def cpu_threads(self) -> int:
        """CPU threads for one worker process, shared in turn by ONNX Runtime and torch."""
        return self.threads or wanted_threads() or max(1, cores() // self.workers)

    @property
    def painter_threads(self) -> int:
        """CPU threads of ONNX Runtime in a painter worker."""
        return self.threads or wanted_threads() or min(PAINTER_THREADS, cores())

    @property
    def max_body(self) -> int:
        """Bytes of a request's body at most."""
        return round(self.max_body_mb * MIB)

    @property
    def disk_floor(self) -> int:
        """Free bytes of a local disk below which nothing more is stored for callers."""
        return round(self.disk_floor_mb * MIB)

    @property
    def gram_disk(self) -> int:
        """Bytes of Gram matrices that are kept in the blobs."""
        return round(self.gram_disk_mb * MIB)

    @property
    def gram_memory(self) -> int:
        """Bytes of Gram matrices that a worker keeps in memory."""
        return round(self.gram_memory_mb * MIB)

    @property
    def painter_memory(self) -> int:
        """Bytes of the painters that a worker keeps ready."""
        return round(self.painter_memory_mb * MIB)

    @property
    def worker_memory(self) -> int:
        """Bytes of memory for one worker process; a tenth of the machine's is left to everything else."""
        left = max(0.0, 0.9 * available() - self.painters * PAINTER)
        return round(self.memory_mb * MIB) or round(left / self.workers)

    @property
    def job_memory(self) -> int:
        """Bytes of the worker's memory for a job: what the Gram cache leaves, if it leaves any."""
        return max(0, self.worker_memory - self.gram_memory)


def log_form(environ: Mapping[str, str] = os.environ) -> str:
    """Return NST_LOG, or "auto" where it can't be read: for what is logged before all settings are known."""
    form = environ.get("NST_LOG", "").strip()
    return form if form in ("json", "text") else "auto"


def variables() -> dict[str, Field[Any]]:
    """Return the fields of Settings by the names of their environment variables."""
    return {f"NST_{f.name.upper()}": f for f in fields(Settings)}


def unknown_variables(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return the NST_ variables that no setting reads: most likely misspelt names."""
    return sorted(name for name in environ if name.startswith("NST_") and name not in variables())
