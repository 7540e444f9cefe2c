#!/bin/bash
# Heap allocations per delivery: how many the service makes while 400 events more go to 1,000 WebSocket subscribers.
# Counted, not timed: the figure does not depend on the machine.
#
#   MEASURE, FANFARE, WORK as in fanout.sh   TRS="plain tls"
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
measure=${MEASURE:-$root/../shared/measure}
fanfare=${FANFARE:-$root/.build/release/fanfare}
export WORK=${WORK:-$root/scratch/bench}
mkdir -p "$WORK"
[ -x "$WORK/fanload" ] || (cd "$measure/peers" && ./setup.sh > "$WORK/setup.log" 2>&1)
cc -O2 -shared -fPIC -o "$WORK/count.so" "$root"/Benchmarks/allocations/*.c
for tr in ${TRS:-plain tls}; do
  data=$(mktemp -d "$WORK/count.XXXX"); port=$((20000 + RANDOM % 10000)); s=; tls=
  [ $tr = tls ] && { s=s; tls=", \"tls\": {\"certificate\": \"$WORK/cert.pem\", \"private_key\": \"$WORK/key.pem\"}"; }
  echo "{\"shards\": 1, \"data_directory\": \"$data/data\", \"listeners\": [{\"name\": \"a\", \"address\": \"127.0.0.1:$port\", \"serves\": [\"publish\", \"subscribe\", \"probe\"]$tls}]}" > "$data/fanfare.json"
  LD_PRELOAD="$WORK/count.so" "$fanfare" serve --config "$data/fanfare.json" > "$data/out" 2> "$data/err" & server=$!
  for i in $(seq 100); do curl -skf "http$s://127.0.0.1:$port/readyz" > /dev/null && break; sleep 0.1; done
  "$WORK/fanload" ws --url "ws$s://127.0.0.1:$port/v1/subscribe?topic=count.x" --conns 1000 --ramp-rate 8000 --expect-msgs 500 \
    --ready-file "$data/ready" --idle 5 --duration 60 > "$data/load" 2>&1 & load=$!
  for i in $(seq 100); do [ -s "$data/ready" ] && break; sleep 0.1; done
  publish() {
    "$WORK/fanload" publish --protocol http --url "http$s://127.0.0.1:$port/v1/topics/count.x" --max --count "$1" --size 200 \
      --depth 1 --header 'Content-Type: application/json' > /dev/null 2>&1
    sleep 1; kill -USR2 $server; sleep 0.2; awk '/^allocations/{n = $2} END {print n}' "$data/err"
  }
  warm=$(publish 100); after=$(publish 400)
  echo "$tr: $((after - warm)) allocations for 400 events to 1000 subscribers: $(( (after - warm) / 400 )) an event, $(awk "BEGIN{printf \"%.4f\", ($after - $warm) / 400000}") a delivery"
  kill $server; wait $server 2>/dev/null || true; wait $load 2>/dev/null || true; rm -rf "$data"
done
