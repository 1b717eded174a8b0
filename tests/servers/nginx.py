"""An nginx for the tests, with the configuration that docs/deploying.md shows."""

from __future__ import annotations

import re
from pathlib import Path

from front_door import ROOT
from servers.server import Server

PAGE = ROOT / "docs" / "deploying.md"
MAIN = """
daemon off;
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/responses;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/nst.conf;
}}
"""


def shown_configuration() -> str:
    """Return the nginx.conf of the page."""
    (found,) = re.findall(r"```nginx\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return str(found)


class Nginx(Server):
    """An nginx before the service at a port. Only the two ports differ from the page's configuration."""

    def __init__(self, folder: Path, service_port: int, user: str | None = None) -> None:
        super().__init__(folder, user)
        text = shown_configuration()
        for old, new in (
            ("listen 80;", f"listen 127.0.0.1:{self.port};"),
            ("server 127.0.0.1:8000;", f"server 127.0.0.1:{service_port};"),
        ):
            assert text.count(old) == 1
            text = text.replace(old, new)
        (folder / "nst.conf").write_text(text)
        (folder / "nginx.conf").write_text(MAIN.format(folder=folder))

    def command(self) -> list[str]:
        return ["nginx", "-p", str(self.folder), "-c", "nginx.conf", "-e", "stderr"]
