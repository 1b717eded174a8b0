"""nst photo.jpg: one picture."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from nst_client.client import Client
from nst_client.command import outputs, recipe
from nst_client.command.bar import Bar
from nst_client.command.hint import hint
from nst_client.command.refused import Refused
from nst_client.files import try_place


def paint(client: Client, args: argparse.Namespace) -> int:
    """Paint a picture and save it. Ctrl-C or an error leaves the job to the service: `nst watch` gets its picture."""
    output: Path = args.output
    fields = recipe.fields_of(args)
    if output.is_dir():
        output = output / f"{args.source.stem}{outputs.SUFFIXES[outputs.format_of(fields)]}"
    fields["format"] = outputs.format_of(fields, output)
    files = outputs.files_of(output, outputs.pictures_of(fields))
    check_writable(files, [args.source, *recipe.files_in(fields)])
    with hint("No answer yet. The service may have the picture; the same line paints it anew.", (KeyboardInterrupt,)):
        transfer = client.transfer(args.source, **fields)
    with hint(f"The service has the job. To get the picture: nst watch {transfer.id} -o {shlex.quote(str(output))}"):
        with Bar(args.source.name) as bar:
            transfer.wait(on_progress=lambda job: bar.show(job.fraction, job.status))
        for file in outputs.save(transfer, output):
            print(file)
    return 0


def check_writable(files: Sequence[Path], inputs: Sequence[Path]) -> None:
    """Refuse to write over a picture that is read, or a folder, or where nothing can be written. Raises Refused."""
    for path in files:
        if path.exists() and any(one.exists() and path.samefile(one) for one in inputs):
            raise Refused(f"{path} is one of the pictures to be read: name another output")
        if path.is_dir():
            raise Refused(f"{path} is a folder: name another output")
        try:
            try_place(path)
        except OSError as error:
            raise Refused(f"{path} can't be written ({error.strerror}): name another output") from error
