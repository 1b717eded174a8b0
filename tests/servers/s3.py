"""An S3 for the tests."""

from __future__ import annotations

import sys

import requests
from servers.server import Server


class S3(Server):
    """moto's S3. It keeps its buckets in memory: they are gone after `stop`."""

    def command(self) -> list[str]:
        return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a store finds this S3 and no other."""
        return {
            "AWS_ENDPOINT": self.endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }

    def url_for(self, bucket: str) -> str:
        """Make a bucket if it isn't there; return its URL."""
        self.start()
        requests.put(f"{self.endpoint}/{bucket}", timeout=30).raise_for_status()
        return f"s3://{bucket}"
