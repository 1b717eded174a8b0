#!/usr/bin/env bash
# Installs the servers that the tests start, if they are missing: PostgreSQL, Redis and a browser, from Debian's
# packages, as root. If Debian starts them too, that does no harm: the tests start their own, on other ports.
set -euo pipefail

missing=()
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || missing+=(postgresql)
command -v redis-server >/dev/null || missing+=(redis-server)
command -v chromium >/dev/null || missing+=(chromium)
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
    echo "servers: not installed: ${missing[*]}. As root on Debian: apt-get install ${missing[*]}" >&2
    exit 1
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update && apt-get install --yes --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    echo "servers: apt-get could not install: ${missing[*]}" >&2
    exit 1
fi
echo "servers: installed ${missing[*]}"
