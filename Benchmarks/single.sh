#!/bin/bash
# One event at a time, to 1 and to 1,000 plain WebSockets: from the intended publish to the last receipt, `written` and `synced`,
# beside the least that does as much (Benchmarks/ingest/floor.c: takes a request in, writes or writes and syncs its body, answers,
# and sends it to every socket connected), in interleaved rounds. Between two events everything sleeps, as in a quiet service, so
# each step of the way also has to wake someone whose caches are cold.
#
#   ROUNDS=3   RATE1=100 RATE1000=20 (events a second)   FANFARE=binary   FANLOAD=the load tool   WORK: a folder on the disk to measure
#
# Server on core 0, load tool on core 1. One line a measurement. Nothing else may run meanwhile.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
fanload=${FANLOAD:-$root/../shared/measure/fanload/fanload}
fanfare=${FANFARE:-$root/.build/release/fanfare}
mkdir -p "${WORK:-$root/scratch}"
work=$(mktemp -d "${WORK:-$root/scratch}/single.XXXX")
server= subscribers=
trap 'kill $server $subscribers 2>/dev/null || true; rm -rf "$work"' EXIT
cc -O2 -D_GNU_SOURCE -o "$work/floor" "$root/Benchmarks/ingest/floor.c" -luring
port=$((20000 + RANDOM % 10000))
measure() { # label count rate URL, and how to subscribe
  local label=$1 count=$2 rate=$3 url=$4
  shift 4
  rm -f "$work/ready" "$work/result"
  taskset -c 1 "$fanload" "$@" --conns "$count" --ramp-rate 8000 --expect-msgs $((rate * 3)) --idle 3 --duration 30 --ready-file "$work/ready" \
    --label x --out "$work/result" 2>/dev/null &
  subscribers=$!
  for _ in $(seq 200); do [ -s "$work/ready" ] && break; sleep 0.05; done
  sleep 0.3
  taskset -c 1 "$fanload" publish --protocol http --url "$url" --header 'Content-Type: application/json' --rate "$rate" \
    --count $((rate * 3)) --size 200 --depth 64 --label x --out "$work/published"
  wait $subscribers
  python3 - "$label" "$work/result" <<'PYTHON'
import json, sys
result = json.loads(open(sys.argv[2]).readline())
lost = result["missing_gap"] + result["missing_tail"]
print(f"{sys.argv[1]}: to the last p50 {result['last_delivery_us']['p50']:.0f} us, p99 {result['last_delivery_us']['p99']:.0f}; lost {lost}", flush=True)
PYTHON
}
ended() { kill $server; wait $server 2>/dev/null || true; server=; }
for round in $(seq "${ROUNDS:-3}"); do
  for durability in written synced; do
    for load in "1 ${RATE1:-100}" "1000 ${RATE1000:-20}"; do
      set -- $load
      echo "{\"shards\": 1, \"data_directory\": \"$work/data\", \"topics\": [{\"match\": \">\", \"durability\": \"$durability\"}], \"listeners\": [
        {\"name\": \"a\", \"address\": \"127.0.0.1:$port\", \"serves\": [\"publish\", \"subscribe\", \"probe\"]}]}" > "$work/fanfare.json"
      taskset -c 0 "$fanfare" serve --config "$work/fanfare.json" > "$work/out" 2>&1 & server=$!
      for _ in $(seq 200); do curl -sf "http://127.0.0.1:$port/readyz" > /dev/null && break; sleep 0.05; done
      measure "$durability, $1: Fanfare" "$1" "$2" "http://127.0.0.1:$port/v1/topics/single.a" ws --url "ws://127.0.0.1:$port/v1/subscribe?topic=single.a"
      ended
      rm -rf "$work/data"
      written=
      [ $durability = written ] && written=-w
      taskset -c 0 "$work/floor" $written -s $((port + 1)) "$port" "$work/floor.data" & server=$!
      sleep 1
      measure "$durability, $1: the least" "$1" "$2" "http://127.0.0.1:$port/" tcp --host 127.0.0.1 --port $((port + 1))
      ended
    done
  done
done
