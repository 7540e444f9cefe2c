#!/bin/bash
# User memory per idle WebSocket connection, plain and TLS: the service's resident set before and after 10,000 of them have
# subscribed (kernel memory is not in it), and the CPU time it used in the ten seconds after that.
#
#   MEASURE, FANFARE, WORK as in fanout.sh   N=connections (10000)
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
measure=${MEASURE:-$root/../shared/measure}
fanfare=${FANFARE:-$root/.build/release/fanfare}
export WORK=${WORK:-$root/scratch/bench}
n=${N:-10000}
[ -x "$WORK/fanload" ] || (cd "$measure/peers" && ./setup.sh > "$WORK/setup.log" 2>&1)
for tr in plain tls; do
  data=$(mktemp -d "$WORK/idle.XXXX"); port=$((20000 + RANDOM % 10000)); s=; tls=
  [ $tr = tls ] && { s=s; tls=", \"tls\": {\"certificate\": \"$WORK/cert.pem\", \"private_key\": \"$WORK/key.pem\"}"; }
  echo "{\"shards\": 1, \"data_directory\": \"$data/data\", \"listeners\": [{\"name\": \"a\", \"address\": \"127.0.0.1:$port\", \"serves\": [\"publish\", \"subscribe\", \"probe\"]$tls}]}" > "$data/fanfare.json"
  taskset -c 0 "$fanfare" serve --config "$data/fanfare.json" > "$data/out" 2>&1 & server=$!
  for i in $(seq 100); do curl -skf "http$s://127.0.0.1:$port/readyz" > /dev/null && break; sleep 0.1; done
  before=$(awk '/^VmRSS/{print $2}' /proc/$server/status)
  taskset -c 1 "$WORK/fanload" ws --url "ws$s://127.0.0.1:$port/v1/subscribe?topic=idle.x" --conns "$n" --ramp-rate 8000 \
    --ready-file "$data/ready" --idle 60 --duration 16 > "$data/load" 2>&1 & load=$!
  for i in $(seq 600); do [ -s "$data/ready" ] && break; sleep 0.1; done
  sleep 1
  after=$(awk '/^VmRSS/{print $2}' /proc/$server/status)
  ticks=$(awk '{print $14 + $15}' /proc/$server/stat); sleep 10
  spent=$(( $(awk '{print $14 + $15}' /proc/$server/stat) - ticks ))
  echo "$tr: $n connections, $before KiB before, $after KiB after: $(( (after - before) * 1024 / n )) bytes each; ${spent}0 ms of CPU in 10 s"
  kill $server; wait $server 2>/dev/null || true; wait $load 2>/dev/null || true; rm -rf "$data"
done
