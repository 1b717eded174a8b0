"""nst photo.jpg: one picture."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from nst_client.client import Client
from nst_client.command import recipe
from nst_client.command.bar import Bar
from nst_client.command.refused import Refused


def paint(client: Client, args: argparse.Namespace) -> int:
    """Paint a picture and save it. Ctrl-C leaves the job to the service, and says how its picture can be had."""
    output: Path = args.output
    fields = recipe.fields_of(args)
    if output.is_dir():
        output = output / f"{args.source.stem}.{fields.get('format', 'png')}"
    fields.setdefault("format", recipe.FORMATS.get(output.suffix.lower(), "png"))
    check_kept([output], [args.source, *recipe.style_files(args)])
    transfer = client.transfer(args.source, **fields)
    try:
        with Bar(args.source.name) as bar:
            transfer.wait(on_progress=lambda job: bar.show(job.fraction, job.status))
        transfer.save(output)
    except KeyboardInterrupt:
        print(f"\nThe service goes on. To get the picture: nst watch {transfer.id} -o {output}", file=sys.stderr)
        raise
    print(output)
    return 0


def check_kept(outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    """Refuse to write over a picture that is read. Raises Refused."""
    read = {path.resolve() for path in inputs}
    for path in outputs:
        if path.resolve() in read:
            raise Refused(f"{path} is one of the pictures to be read: name another output")
