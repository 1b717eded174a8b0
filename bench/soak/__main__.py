"""python -m bench.soak: run the service for half an hour with too much to do, and kill its processes meanwhile.

Three tenants submit twice as many transfers as two workers can carry out, cancel and delete some, watch events, and
hang up in the middle of requests. A worker and a web process get kill -9 about every minute. At the end each accepted
job must have ended, none as failed; no answer may be a 5xx but 503 with Retry-After; 99 % of the light requests must
take less than 250 ms; and what processes and files take must not grow. The figures go to bench/soak.json, the plot to
bench/soak.png. The status is 1 if there are findings.

The model is narrow, with random weights: the service is under test here, and not the network. Transfers have 64 to
128 pixels.

python -m bench.soak --minutes 2 --out FOLDER
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from faults.jobs_to_do import PICTURE, SHORT, STYLE
from front_door import RunningService, b64, eventually
from narrow_vgg import write_narrow_vgg
from tenants.people import Person, command, first_by_command

from bench import report
from bench.report import Results
from bench.soak import plot
from bench.soak.probe import probing
from bench.soak.processes import Sample, kill_until, sample_until
from bench.soak.tenant import LOOK_S, Tenant
from bench.soak.verdict import findings, thirds

HERE = Path(__file__).resolve().parent.parent
NAMES = ("acme", "birch", "cedar")
WORKERS = 2
SETTINGS = {
    "workers": WORKERS, "web_workers": 2, "retention": 60, "queue_limit": 50, "limit_waiting_jobs": 10,
}  # fmt: skip
TOO_MUCH = 2.0  # times what the workers can do
BODIES: tuple[dict[str, Any], ...] = (
    SHORT,
    SHORT | {"size": 128, "iterations": 150, "tolerance": 0},
    SHORT | {"size": 96, "priority": 1},
    SHORT | {"variants": [{"strength": 0.3}, {"strength": 0.7}]},
    SHORT | {"styles": [{"image": b64(PICTURE)}], "init": "random"},
)
SAMPLES = 10  # jobs by which it is measured what the workers can do
MEDDLE_S, WATCH_S, WATCHERS = 4.0, 1.0, 2
DRAIN_S = 300.0  # seconds in which all that was accepted must end after the last submission
MOST_SAMPLES = 100  # in the results' file


def main() -> int:
    """Soak, write figures and plot, print the findings; return the exit status."""
    arguments = _arguments()
    with TemporaryDirectory(prefix="soak-") as name:
        folder = Path(name)
        service = RunningService(write_narrow_vgg(folder / "narrow.onnx"), folder / "data", **SETTINGS)
        service.data.mkdir()
        with service:
            results = _soaked(service, arguments.minutes)
        results["findings"] += _tracebacks(service)
        if arguments.keep_log:
            arguments.keep_log.write_bytes(service.log.read_bytes())
    (arguments.out / "soak.json").write_text(json.dumps(results, indent=1) + "\n")
    plot.draw(results, arguments.out / "soak.png")
    print(_summary(results))
    return 1 if results["findings"] else 0


def _soaked(service: RunningService, minutes: float) -> Results:
    people = [_tenant(service, name) for name in NAMES]
    capacity = _capacity(people[0])
    tenants = [Tenant(person, BODIES, seed) for seed, person in enumerate(people)]
    samples: list[Sample] = []
    kills: dict[str, list[float]] = {"worker": [], "web": []}
    begun, computed = time.monotonic(), time.process_time()
    with probing(service.url, people[0].key) as probe:
        with _running(service, tenants, TOO_MUCH * capacity / len(tenants), samples, kills):
            time.sleep(60 * minutes)
        light = probe.stop()
    own = (time.process_time() - computed) / (time.monotonic() - begun)
    _drain(tenants)
    return {
        "machine": report.machine(),
        "minutes": minutes,
        "capacity_jobs_per_s": round(capacity, 3),
        "offered_jobs_per_s": round(TOO_MUCH * capacity, 3),
        "jobs": dict(sum((tenant.ends() for tenant in tenants), Counter())),
        "answers": dict(sorted(sum((tenant.answers for tenant in tenants), Counter()).items())),
        "cut_off": sum(tenant.cut for tenant in tenants),
        "kills": {role: [round(at - begun) for at in times] for role, times in kills.items()},
        "light": light.percentiles(),
        "cores_of_the_clients": round(own, 3),
        "middle_and_last_third": thirds(samples),
        "samples": samples[:: 1 + len(samples) // MOST_SAMPLES],
        "findings": findings(tenants, light, samples),
    }


def _tenant(service: RunningService, name: str) -> Person:
    """Make a tenant with a key and a preset."""
    command(service, "tenants", "add", name).check_returncode()
    person = first_by_command(service, "--tenant", name, "--name", "soak")
    person.save("kept", STYLE).raise_for_status()
    return person


def _capacity(person: Person) -> float:
    """Return the transfers of these kinds that the workers can carry out per second."""
    _carry_out(person, 2 * WORKERS)  # the first ones load what the others find
    begun = time.monotonic()
    _carry_out(person, SAMPLES)
    return SAMPLES / (time.monotonic() - begun)


def _carry_out(person: Person, jobs: int) -> None:
    for k in range(jobs):
        person.post("/v1/transfers", BODIES[k % len(BODIES)]).raise_for_status()
    eventually(lambda: _is_idle(person), 300, "the jobs don't end")


def _is_idle(person: Person) -> bool:
    return not any(person.get(f"/v1/transfers?status={status}").json()["items"] for status in ("queued", "running"))


@contextmanager
def _running(
    service: RunningService,
    tenants: Sequence[Tenant],
    jobs_per_s: float,
    samples: list[Sample],
    kills: dict[str, list[float]],
) -> Iterator[None]:
    """Keep the tenants at their doings, and kill processes and measure, each in a thread of its own."""
    stop = threading.Event()
    threads = [threading.Thread(target=sample_until, args=(service, samples, stop))]
    threads += [threading.Thread(target=kill_until, args=(service, role, kills[role], stop)) for role in kills]
    for tenant in tenants:
        doings = [(tenant.submit, 1 / jobs_per_s), (tenant.meddle, MEDDLE_S), (tenant.look, LOOK_S)]
        doings += [(tenant.watch, WATCH_S)] * WATCHERS
        threads += [threading.Thread(target=tenant.repeat, args=(act, pause, stop)) for act, pause in doings]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _drain(tenants: Sequence[Tenant]) -> None:
    """Wait until all jobs have ended, DRAIN_S seconds at most."""
    end = time.monotonic() + DRAIN_S
    while time.monotonic() < end and any(tenant.unfinished() for tenant in tenants):
        time.sleep(LOOK_S)
        for tenant in tenants:
            tenant.look()


def _tracebacks(service: RunningService) -> list[str]:
    """Return a line for each exception in the log that nothing caught."""
    lines = service.log.read_text(errors="replace").splitlines()
    return [f"the log has: {line[:300]}" for line in lines if "Traceback" in line or "unexpected error" in line]


def _summary(results: Results) -> str:
    shown = ("minutes", "capacity_jobs_per_s", "offered_jobs_per_s", "jobs", "answers", "cut_off", "light")
    kills = {role: len(times) for role, times in results["kills"].items()}
    lines = [f"{name}: {results[name]}" for name in (*shown, "cores_of_the_clients")] + [f"kills: {kills}"]
    for name, (before, after) in results["middle_and_last_third"].items():
        lines.append(f"{name}: {before:,.1f}, then {after:,.1f}")
    return "\n".join(lines + [f"FOUND {finding}" for finding in results["findings"]])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--out", type=Path, default=HERE, help="folder of soak.json and soak.png")
    parser.add_argument("--keep-log", type=Path, help="file for the service's log")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
