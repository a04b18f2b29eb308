#!/bin/sh
# Builds the native binding of @tensorflow/tfjs-node against the libraries in PyPI's tensorflow-cpu
# wheel, for machines where its install script cannot download or did not run. It lands in
#   $LINGBI_TFJS_BINDING_FOLDER, by default ~/.cache/lingbi/tfjs-binding
# where the tests of this package look for it. Needs: python3 with pip, g++, Node with its headers;
# 260 MB of download, 1 GB of disk, half a minute.
#
# usage: packages/backend-tfjs/scripts/build-binding.sh
set -eu

# The C API of later releases stays compatible; this one was tested.
tensorflow=2.21.0
package=$(cd "$(dirname "$0")/.." && pwd)
folder=${LINGBI_TFJS_BINDING_FOLDER:-$HOME/.cache/lingbi/tfjs-binding}

fail() {
  echo "build-binding: $1" >&2
  exit 1
}

find_sources() {
  sources=$(cd "$package" && node -p "require('path').dirname(require.resolve('@tensorflow/tfjs-node/package.json'))") ||
    fail '@tensorflow/tfjs-node is not installed: run "pnpm install"'
}

find_node_headers() {
  for headers in "$(dirname "$(dirname "$(node -p process.execPath)")")/include/node" /usr/include/node; do
    [ -f "$headers/node_api.h" ] && return
  done
  fail "no node_api.h in $headers: install the headers of your Node (nodejs-dev, or the official archive)"
}

download_wheel() {
  python3 -m pip download --quiet --no-deps --dest "$folder" "tensorflow_cpu==$tensorflow" ||
    fail "pip has no tensorflow_cpu $tensorflow for this platform and Python; wheels exist for Linux, Python 3.10 to 3.13"
}

# The two libraries, and the headers of the C API with what they include.
unpack_wheel() {
  python3 - "$folder" <<'PYTHON'
import glob, os, sys, zipfile

folder = sys.argv[1]
[wheel] = glob.glob(f'{folder}/tensorflow_cpu-*.whl')
libraries = ('tensorflow/libtensorflow_cc.so.2', 'tensorflow/libtensorflow_framework.so.2')
headers = ('/tensorflow/c/', '/tsl/c/', '/platform/ctstring')

def target(name):
    if name in libraries:
        return f'{folder}/deps/lib/{os.path.basename(name)}'
    if name.startswith('tensorflow/include/') and name.endswith('.h') and any(part in name for part in headers):
        return f'{folder}/deps/{name.removeprefix("tensorflow/")}'

with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        if path := target(name):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with archive.open(name) as source, open(path, 'wb') as sink:
                while chunk := source.read(1 << 20):
                    sink.write(chunk)
os.remove(wheel)
PYTHON
  ln -sf libtensorflow_cc.so.2 "$folder/deps/lib/libtensorflow.so"
  ln -sf libtensorflow_framework.so.2 "$folder/deps/lib/libtensorflow_framework.so"
}

compile() {
  g++ -std=c++17 -O2 -fPIC -shared -DNAPI_VERSION=8 \
    -I"$headers" -I"$folder/deps/include" -I"$sources/.." -I"$sources/binding" \
    "$sources/binding/tfjs_backend.cc" "$sources/binding/tfjs_binding.cc" \
    -L"$folder/deps/lib" -ltensorflow -ltensorflow_framework -Wl,-rpath,'$ORIGIN/deps/lib' \
    -o "$folder/tfjs_binding.node"
}

mkdir -p "$folder/deps/lib"
find_sources
find_node_headers
download_wheel
unpack_wheel
compile
echo "Built $folder/tfjs_binding.node"
echo "Use it: LINGBI_TFJS_BINDING=$folder/tfjs_binding.node, or tfjs({ binding })"
