#!/bin/bash
# Group commit: how many MB a second the log makes durable beside a plain C loop of pwrite and fdatasync with blocks of the
# same size on the same disk, in interleaved rounds; then how long acknowledgements of the service take and how much it
# takes in, with 1, 64 and 1,024 publishers (the service with one shard on core 0, the publishers on core 1), beside the least
# that answers such requests, without and with writing and syncing their bodies (Benchmarks/ingest/floor.c, also on core 0).
#
#   ROUNDS=3 SECONDS_EACH=3 SIZES="16 64 256 1024"   FANFARE, LOGBENCH: binaries   WORK: a folder on the disk to measure
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
fanfare=${FANFARE:-$root/.build/release/fanfare}
logbench=${LOGBENCH:-$root/.build/release/logbench}
work=$(mktemp -d "${WORK:-$root/scratch}/commit.XXXX")
each=${SECONDS_EACH:-3}
server= floor=
trap 'kill $server $floor 2>/dev/null || true; rm -rf "$work"' EXIT
cc -O2 -D_GNU_SOURCE -o "$work/plain" "$root/Benchmarks/commit/plain.c"
cc -O2 -D_GNU_SOURCE -o "$work/publishers" "$root/Benchmarks/ingest/publishers.c"
cc -O2 -D_GNU_SOURCE -o "$work/floor" "$root/Benchmarks/ingest/floor.c" -luring
for round in $(seq "${ROUNDS:-3}"); do
  for size in ${SIZES:-16 64 256 1024}; do
    echo "$size KiB: plain $("$work/plain" "$work/plain.data" "$size" "$each")"
    # Long enough that files are used again: a first run fills the log up to its bound.
    [ -d "$work/log-$size" ] || "$logbench" commit "$work/log-$size" --kibibytes "$size" --seconds 3 > /dev/null
    echo "$size KiB: log $("$logbench" commit "$work/log-$size" --kibibytes "$size" --seconds "$each")"
  done
done
port=$((20000 + RANDOM % 10000))
echo "{\"shards\": 1, \"data_directory\": \"data\", \"log\": {\"retention\": {\"size\": \"1GiB\"}}, \"listeners\": [
  {\"name\": \"a\", \"address\": \"127.0.0.1:$port\", \"serves\": [\"publish\", \"subscribe\", \"probe\"]}]}" > "$work/fanfare.json"
taskset -c 0 "$fanfare" serve --config "$work/fanfare.json" > "$work/out" 2>&1 & server=$!
for i in $(seq 200); do curl -sf "http://127.0.0.1:$port/readyz" > /dev/null && break; sleep 0.05; done
for load in "1 1" "64 1" "1024 1" "64 100"; do
  for file in "" "$work/floor.data"; do
    taskset -c 0 "$work/floor" $((port + 1)) $file & floor=$!
    sleep 1
    echo "the least${file:+, synced}: $(taskset -c 1 "$work/publishers" $((port + 1)) $load 3)"
    kill $floor; wait $floor 2>/dev/null || true
  done
  before=$(awk '{print $14 + $15}' /proc/$server/stat)
  taskset -c 1 "$work/publishers" "$port" $load 5 | tr '\n' ' '
  echo "the service $(( ($(awk '{print $14 + $15}' /proc/$server/stat) - before) / 5 )) %"
done
