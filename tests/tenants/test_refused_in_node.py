"""What Node's fetch sees of a request that is refused for its head, while it still sends the body."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from front_door import RunningService
from tenants.people import Person

TRIES = 20
MANY, SOME, FEW = 68 * 10**6, 3 * 10**6, 200_000  # bytes of a body; the service reads 64 MiB
SCRIPT = """
const [service, key, tries, kinds] = process.argv.slice(2).map((text, i) => (i < 2 ? text : JSON.parse(text)));
const ended = async (path, options) => {
  try {
    const answer = await fetch(service + path, options);
    await answer.text();
    return answer.status;
  } catch (error) {
    return `${error.message}: ${error.cause?.code}`;
  }
};
const seen = [];
for (const [path, type, size, withKey] of kinds) {
  const headers = { "Content-Type": type, ...(withKey && { "X-API-Key": key }) };
  const body = Buffer.alloc(size, 65);
  const here = new Set();
  for (let k = 0; k < tries; k++) {
    here.add(await ended(path, { method: "POST", headers, body }));
    here.add(await ended("/livez"));  // over a connection of the same pool
  }
  seen.push([...here]);
}
console.log(JSON.stringify(seen));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="runs JavaScript: there is no node")
@pytest.mark.slow
def test_each_refusal_reaches_fetch_every_time(house: RunningService, root: Person, tmp_path: Path) -> None:
    post, json_type, picture = "/v1/transfers", "application/json", "image/png"
    kinds = [  # the last one of each is the status
        (post, json_type, MANY, True, 413),
        (post, picture, SOME, True, 415),
        (post, picture, FEW, True, 415),
        ("/v1/transfer", json_type, SOME, True, 404),
        (post, json_type, SOME, False, 401),
        (post, json_type, MANY, False, 401),
    ]
    script = tmp_path / "refused.mjs"
    script.write_text(SCRIPT)
    asked = json.dumps([kind[:-1] for kind in kinds])
    command = ["node", str(script), house.url, root.key, str(TRIES), asked]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert json.loads(done.stdout) == [[kind[-1], 200] for kind in kinds]
