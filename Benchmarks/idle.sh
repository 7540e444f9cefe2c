#!/bin/bash
# User memory per idle WebSocket connection, plain and TLS: the service's resident set before, after N have subscribed, and
# after N more (kernel memory is not in it), and the CPU time it used in the ten seconds after that. The first N also pay for
# what is made once: pages of libraries, buffers for what is received. "anonymous" leaves out pages of files.
#
#   MEASURE, FANFARE, WORK as in fanout.sh   N=connections (9000)   TRANSPORTS="plain tls"
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
measure=${MEASURE:-$root/../shared/measure}
fanfare=${FANFARE:-$root/.build/release/fanfare}
export WORK=${WORK:-$root/scratch/bench}
n=${N:-9000}
[ -x "$WORK/fanload" ] || (cd "$measure/peers" && ./setup.sh > "$WORK/setup.log" 2>&1)
resident() { awk -v "key=$1:" '$1 == key {print $2}' "/proc/$server/status"; }
for tr in ${TRANSPORTS:-plain tls}; do
  data=$(mktemp -d "$WORK/idle.XXXX"); port=$((20000 + RANDOM % 10000)); s=; tls=; loads=()
  [ $tr = tls ] && { s=s; tls=", \"tls\": {\"certificate\": \"$WORK/cert.pem\", \"private_key\": \"$WORK/key.pem\"}"; }
  echo "{\"shards\": 1, \"data_directory\": \"$data/data\", \"listeners\": [{\"name\": \"a\", \"address\": \"127.0.0.1:$port\", \"serves\": [\"publish\", \"subscribe\", \"probe\"]$tls}]}" > "$data/fanfare.json"
  taskset -c 0 "$fanfare" serve --config "$data/fanfare.json" > "$data/out" 2>&1 & server=$!
  for i in $(seq 100); do curl -skf "http$s://127.0.0.1:$port/readyz" > /dev/null && break; sleep 0.1; done
  all=("$(resident VmRSS)"); anonymous=("$(resident RssAnon)")
  for half in 1 2; do
    taskset -c 1 "$WORK/fanload" ws --url "ws$s://127.0.0.1:$port/v1/subscribe?topic=idle.x" --conns "$n" --ramp-rate 8000 \
      --ready-file "$data/ready$half" --idle 60 --duration 40 > "$data/load$half" 2>&1 & loads+=($!)
    for i in $(seq 600); do [ -s "$data/ready$half" ] && break; sleep 0.1; done
    sleep 1
    all+=("$(resident VmRSS)"); anonymous+=("$(resident RssAnon)")
  done
  ticks=$(awk '{print $14 + $15}' /proc/$server/stat); sleep 10
  spent=$(( $(awk '{print $14 + $15}' /proc/$server/stat) - ticks ))
  each() { echo "$((($2 - $1) * 1024 / n))"; }
  echo "$tr: $n connections $(each "${all[@]:0:2}") bytes each (anonymous $(each "${anonymous[@]:0:2}")), $n more" \
    "$(each "${all[@]:1:2}") (anonymous $(each "${anonymous[@]:1:2}")); ${spent}0 ms of CPU in 10 s"
  kill "${loads[@]}" $server 2> /dev/null || true; wait "${loads[@]}" $server 2> /dev/null || true; rm -rf "$data"
done
