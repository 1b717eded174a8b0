#!/usr/bin/env bash
# The Dockerfile's steps without docker: its files, packages and commands in a folder, as another user if that is
# possible. It succeeds if the HEALTHCHECK passes and the service stops cleanly.
# Usage: TORCH=cpu scripts/image.sh FOLDER
set -euo pipefail

source_dir=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
image=$(cd "$1" && pwd)
port=${NST_PORT:-8765}
torch=${TORCH:-cuda}

# Stage 1: packages and model
mkdir -p "$image/build"
cp -r "$source_dir/locks" "$image/build"
python3 -m venv "$image/venv"
"$image/venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r "$image/build/locks/$torch.txt"
cp -r "$source_dir/export" "$image/build"
(cd "$image/build" && "$image/venv/bin/python" -m export)

# Stage 2: the service
mkdir -p "$image/app" "$image/data"
cp -r "$image/build/models" "$source_dir/service" "$image/app"
environment=(env -i PATH="$image/venv/bin:$PATH" PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
    NST_HOST=0.0.0.0 NST_OPEN=on NST_PORT="$port" NST_DATA="$image/data")
which_python=(python -c 'import flask, sys; print(sys.version, sys.prefix)')
user=$(id -un)
run=("${environment[@]}")
if [ "$user" = root ]; then
    chown -R nobody "$image/data"
    chmod -R a+rX "$image"
    as_nobody=("${run[@]}" setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups --)
    if [ "$("${as_nobody[@]}" "${which_python[@]}" 2>/dev/null)" = "$("${run[@]}" "${which_python[@]}")" ]; then
        run=("${as_nobody[@]}")
        user=nobody
    else
        echo "image: the python of this machine only works for root: running as root" >&2
    fi
fi

cd "$image/app"
"${run[@]}" python -m service serve &
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT
healthy() {
    "$image/venv/bin/python" -c \
        "import urllib.request as u; u.urlopen('http://127.0.0.1:$port/readyz', timeout=4)" 2>/dev/null
}
for _ in $(seq 60); do
    healthy && break
    kill -0 "$server" || { echo "the service ended" >&2; exit 1; }
    sleep 1
done
healthy || { echo "the health check never passed" >&2; exit 1; }
kill -TERM "$server"
wait "$server"
trap - EXIT
echo "image: built, healthy as $user, stopped cleanly"
