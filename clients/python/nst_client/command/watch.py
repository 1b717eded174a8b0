"""nst watch: a transfer until its end."""

from __future__ import annotations

import argparse

from nst_client.client import Client
from nst_client.command import outputs
from nst_client.command.bar import Bar
from nst_client.command.picture import check_writable


def follow(client: Client, args: argparse.Namespace) -> int:
    """Show the progress of a transfer, and save its pictures where --output names a file."""
    outputs.format_of({}, args.output)
    if args.output:
        check_writable([args.output], [])
    transfer = client.get_transfer(args.id)
    with Bar(transfer.id[:8]) as bar:
        transfer.wait(on_progress=lambda job: bar.show(job.fraction, job.status))
    if args.output:
        for file in outputs.save(transfer, args.output):
            print(file)
    else:
        print(f"{transfer.id} {transfer.status}")
    return 0
