#!/usr/bin/env bash
# Installs what the tests of generated clients run, if its language is there: openapi-generator with Java, openapi-typescript
# and TypeScript with npm. They go to a cache outside of the repository (150 MB). Go is used where it is installed.
set -euo pipefail

folder=${XDG_CACHE_HOME:-$HOME/.cache}/neural-style-service/generators
generator=7.26.0
typescript=5.9.3
openapi_typescript=7.13.0

mkdir -p "$folder"
if command -v java >/dev/null && [ ! -e "$folder/openapi-generator-$generator/bin/openapi-generator-cli" ]; then
    rm -rf "$folder/openapi-generator-$generator"
    python3 -m venv "$folder/openapi-generator-$generator"
    "$folder/openapi-generator-$generator/bin/pip" install --quiet --disable-pip-version-check \
        "openapi-generator-cli==$generator"
    echo "generators: installed openapi-generator $generator"
fi
if command -v npm >/dev/null && [ ! -e "$folder/node_modules/.bin/openapi-typescript" ]; then
    npm install --silent --ignore-scripts --no-audit --no-fund --prefix "$folder" \
        "typescript@$typescript" "openapi-typescript@$openapi_typescript"
    echo "generators: installed TypeScript $typescript and openapi-typescript $openapi_typescript"
fi
