"""All metrics. Every label has few values: never a path, a job, a caller or a style."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from service.telemetry.value_files import reserve_files

reserve_files()

REGISTRY = CollectorRegistry()
"""The metrics of this process alone; if several processes share a folder, `exposition` reads the folder."""

REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)  # seconds
STAGE_BUCKETS = (0.01, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)  # seconds
ITERATION_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)  # seconds
SIZES = (128, 256, 512, 1024, 2048, 4096)  # pixels on the long edge; a picture counts for the first that it fits into

http_request_seconds = Histogram(
    "nst_http_request_duration_seconds",
    "Time until a response begins, waiting for a job included.",
    ("method", "route", "status"),
    registry=REGISTRY,
    buckets=REQUEST_BUCKETS,
)
http_requests_in_flight = Gauge(
    "nst_http_requests_in_flight",
    "Requests whose response has not ended, event streams included.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
event_streams_open = Gauge(
    "nst_event_streams_open", "Event streams that are open.", registry=REGISTRY, multiprocess_mode="livesum"
)
jobs_submitted = Counter("nst_jobs_submitted_total", "Jobs that were taken in.", ("kind",), registry=REGISTRY)
jobs_ended = Counter("nst_jobs_ended_total", "Jobs that ended.", ("kind", "status"), registry=REGISTRY)
job_failures = Counter(
    "nst_job_failures_total", "Jobs that failed, by the type of their problem.", ("kind", "cause"), registry=REGISTRY
)
job_stage_seconds = Histogram(
    "nst_job_stage_duration_seconds",
    "Time that ended jobs spent queued, on their style Grams, on optimising, and in total.",
    ("kind", "stage"),
    registry=REGISTRY,
    buckets=STAGE_BUCKETS,
)
style_grams = Counter(
    "nst_style_grams_total",
    "Gram matrices of style images that were asked for, by where they came from.",
    ("level",),
    registry=REGISTRY,
)
iterations = Counter("nst_iterations_total", "Iterations of the optimiser.", registry=REGISTRY)
usage_evaluations = Counter(
    "nst_usage_megapixel_evaluations_total",
    "Cost of ended jobs: millions of pixels, times evaluations of the objective.",
    ("kind",),
    registry=REGISTRY,
)
usage_compute = Counter(
    "nst_usage_compute_seconds_total",
    "CPU seconds that workers spent on ended jobs; where a GPU computes, seconds.",
    ("kind",),
    registry=REGISTRY,
)
usage_bytes = Counter(
    "nst_usage_bytes_total",
    "Sizes of the files of ended jobs: those that came in, and those that were made.",
    ("kind", "direction"),
    registry=REGISTRY,
)
iteration_seconds = Histogram(
    "nst_iteration_duration_seconds",
    "Time from one iteration of a level to the next, by the level's long edge in pixels at most.",
    ("size",),
    registry=REGISTRY,
    buckets=ITERATION_BUCKETS,
)
limit_refusals = Counter(
    "nst_limit_refusals_total",
    "Requests that a limit of their tenant or caller refused.",
    ("limit",),
    registry=REGISTRY,
)
webhook_attempts = Counter(
    "nst_webhook_attempts_total", "Webhooks that were sent, by what became of it.", ("outcome",), registry=REGISTRY
)
delivery_attempts = Counter(
    "nst_delivery_attempts_total",
    "Finished pictures that were sent to their callers, by what became of it.",
    ("outcome",),
    registry=REGISTRY,
)


def size_class(size: int) -> str:
    """Return the value of the label `size` for a long edge in pixels."""
    return str(next((limit for limit in SIZES if size <= limit), SIZES[-1]))
