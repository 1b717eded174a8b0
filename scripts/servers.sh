#!/usr/bin/env bash
# Installs what the tests start, if it is missing: PostgreSQL, Redis, nginx, a browser, promtool and systemd-analyze, from
# Debian's packages, as root; and ONNX Runtime for the browser, by npm where there is npm. If Debian starts the servers
# too, that does no harm: the tests start their own, on other ports.
set -euo pipefail
cd "$(dirname "$0")/.."

runtime=onnxruntime-web
version=1.30.0
sha256=d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71
folder=.onnxruntime-web

log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT

install_packages() {
    if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
        echo "servers: not installed: $*. As root on Debian: apt-get install $*" >&2
        exit 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    if ! { apt-get update && apt-get install --yes --no-install-recommends "$@"; } >"$log/apt" 2>&1; then
        tail -n 30 "$log/apt" >&2
        echo "servers: apt-get could not install: $*" >&2
        exit 1
    fi
    echo "servers: installed $*"
}

# Three files of the package, which is 33 MB packed and three times that unpacked.
install_runtime() {
    if ! npm pack --silent --pack-destination "$log" "$runtime@$version" >"$log/npm" 2>&1; then
        tail -n 30 "$log/npm" >&2
        echo "servers: npm could not fetch $runtime $version; its test will be skipped" >&2
        return
    fi
    echo "$sha256  $log/$runtime-$version.tgz" | sha256sum --check --status || {
        echo "servers: $runtime $version isn't the file that is known" >&2
        exit 1
    }
    rm -rf "$folder"
    mkdir -p "$folder/part"
    tar --extract --gzip --file "$log/$runtime-$version.tgz" --directory "$folder/part" --strip-components 2 \
        package/dist/ort.wasm.min.mjs package/dist/ort-wasm-simd-threaded.mjs package/dist/ort-wasm-simd-threaded.wasm
    mv "$folder/part" "$folder/$version"
    echo "servers: installed $runtime $version"
}

missing=()
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || missing+=(postgresql)
command -v redis-server >/dev/null || missing+=(redis-server)
command -v nginx >/dev/null || missing+=(nginx-light)
command -v chromium-headless-shell >/dev/null || missing+=(chromium-headless-shell)
command -v promtool >/dev/null || missing+=(prometheus)
command -v systemd-analyze >/dev/null || missing+=(systemd)
[ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
if [ ! -d "$folder/$version" ] && command -v npm >/dev/null; then
    install_runtime
fi
