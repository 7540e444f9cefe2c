#!/bin/bash
# Reading back: one subscriber of the stream protocol reads EVENTS events of 200 bytes from the beginning, the service with
# one shard on core 0, the reader on core 1; ROUNDS times warm, then once with the files out of the page cache.
#
#   EVENTS=1000000 ROUNDS=5   FANFARE=the binary   WORK=a folder for the log
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
fanfare=${FANFARE:-$root/.build/release/fanfare}
logbench=${LOGBENCH:-$root/.build/release/logbench}
work=$(mktemp -d "${WORK:-$root/scratch}/catchup.XXXX")
events=${EVENTS:-1000000}
server=
trap '[ -z "$server" ] || kill $server 2>/dev/null; rm -rf "$work"' EXIT
cc -O2 -D_GNU_SOURCE -o "$work/reader" "$root/Benchmarks/catchup/reader.c"
"$logbench" fill "$work/data" --mebibytes 4096 --events "$events" --data-bytes 200 --topics 10
port=$((20000 + RANDOM % 10000)); stream=$((port + 1))
cat > "$work/fanfare.json" <<J
{"shards": 1, "data_directory": "data", "listeners": [
  {"name": "a", "address": "127.0.0.1:$port", "serves": ["publish", "subscribe", "probe"]},
  {"name": "s", "address": "127.0.0.1:$stream", "protocol": "stream", "serves": ["subscribe"]}]}
J
start() {
  taskset -c 0 "$fanfare" serve --config "$work/fanfare.json" > "$work/out" 2>&1 & server=$!
  for i in $(seq 200); do curl -sf "http://127.0.0.1:$port/readyz" > /dev/null && return; sleep 0.05; done
  cat "$work/out"; exit 1
}
read_back() {
  before=$(awk '{print $14 + $15}' /proc/$server/stat)
  taskset -c 1 "$work/reader" "$stream" '>' "$events" | tr '\n' ' '
  echo "the service $(( $(awk '{print $14 + $15}' /proc/$server/stat) - before ))0 ms"
}
start
for round in $(seq "${ROUNDS:-5}"); do echo -n "warm: "; read_back; done
if [ -n "${COLD:-1}" ]; then
  kill $server; wait $server 2>/dev/null || true
  sync
  for file in "$work"/data/segment-*; do dd if="$file" iflag=nocache count=0 status=none; done
  start
  for file in "$work"/data/segment-*; do dd if="$file" iflag=nocache count=0 status=none; done
  echo -n "cold: "; read_back
fi
