#!/bin/bash
# A reconnect storm, and one stalled subscriber in ten, as healthy clients see them: the p99 of 100 live WebSocket subscribers
#
#   quiet     while nothing else happens
#   storm     while N TLS clients connect at once, each with a position 20 events back
#   leaving   while the process of these N ends: their connections are closed at once
#   and of 1,000 subscribers, plain and TLS, without and with 100 of them that stop reading.
#
#   FANLOAD=the load tool (default ../shared/measure/fanload/fanload beside the repository)   FANFARE=binary   N=9000
#   ONLY=storm or stalled (default both)   SHARED=1: the storm's clients take the live readers' core from them (default 0)
#
# Three processes of the load share core 1, and 9,000 handshakes cost it as much as they cost the service: unless SHARED=1 the
# storm's process runs only when the live readers and the publisher sleep, so that their times are the service's. After each
# phase the service's own stages tell how long the live events took inside it (`fanfare_stage_seconds`, means in ms).
#
# Server on core 0, load tool on core 1. One line of JSON a measurement on standard output. Nothing else may run meanwhile.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
fanload=${FANLOAD:-$root/../shared/measure/fanload/fanload}
fanfare=${FANFARE:-$root/.build/release/fanfare}
N=${N:-9000}
ONLY=${ONLY:-both}
storm_priority="chrt --idle 0"
[ "${SHARED:-0}" = 1 ] && storm_priority=
ulimit -n 20000
work=$(mktemp -d)
pids=()
cleanup() { for p in "${pids[@]}"; do kill -9 "$p" 2>/dev/null || true; done; rm -rf "$work"; }
trap cleanup EXIT
cd "$work"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem -days 2 \
  -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
port=$((21000 + $$ % 9000))
cat >fanfare.json <<JSON
{"shards": 1, "log": {"segment_size": "4MiB"}, "topics": [{"match": ">", "durability": "written"}], "listeners": [
  {"name": "plain", "address": "127.0.0.1:$port", "serves": ["publish", "subscribe", "manage", "probe"]},
  {"name": "tls", "address": "127.0.0.1:$((port + 1))", "serves": ["subscribe"], "tls": {"certificate": "cert.pem", "private_key": "key.pem"}}]}
JSON
taskset -c 0 "$fanfare" serve --config fanfare.json >serve.log 2>&1 &
pids+=($!)
for _ in $(seq 100); do curl -fsS "http://127.0.0.1:$port/readyz" >/dev/null 2>&1 && break; sleep 0.1; done
stages() { # phase: how long events took from stage to stage since the last call, as means in ms
  curl -fsS "http://127.0.0.1:$port/metrics" | grep -E '^fanfare_stage_seconds_(sum|count)' >stages.now
  [ -z "$1" ] || awk -v phase="$1" '
    { split($1, part, /[{}"]/); value[FILENAME, part[1], part[3]] = $2; names[part[3]] }
    END {
      split("decoded committed matched framed handed", order, " ")
      printf "{\"stages\": \"%s\"", phase
      for (i = 1; i <= 5; i++) {
        name = order[i]; sum = "fanfare_stage_seconds_sum"; count = "fanfare_stage_seconds_count"
        n = value["stages.now", count, name] - value["stages.before", count, name]
        mean = n ? (value["stages.now", sum, name] - value["stages.before", sum, name]) / n * 1000 : 0
        total += mean
        printf ", \"%s\": %.3f", name, mean
      }
      printf ", \"all\": %.3f}\n", total
    }' stages.before stages.now
  mv stages.now stages.before
}
publish() { # rate count topic
  taskset -c 1 "$fanload" publish --protocol http --url "http://127.0.0.1:$port/v1/topics/$3" --header 'content-type: application/json' \
    --rate "$1" --count "$2" --size 200 --conns 1 >/dev/null
}
live() { # label scheme port conns messages topic: in the background; its result on standard output
  rm -f ready
  taskset -c 1 "$fanload" ws --url "$2://127.0.0.1:$3/v1/subscribe?topic=$6" --conns "$4" --in-flight 50 --expect-msgs "$5" --idle 20 \
    --ready-file ready --label "$1" &
  subscribers=$!
  pids+=($subscribers)
  for _ in $(seq 300); do [ -e ready ] && break; sleep 0.1; done
}
if [ "$ONLY" != stalled ]; then
  publish 1000 100 storm.a
  position=$(curl -fsS "http://127.0.0.1:$port/v1/events?topic=storm.a&from=last:21&limit=1" | sed -E 's/.*"next":"([^"]*)".*/\1/')
  for phase in quiet storm leaving; do
    events=1000
    [ $phase = leaving ] && events=300
    live "live-$phase" ws "$port" 100 $events live.a
    stages ""
    if [ $phase = storm ]; then
      $storm_priority taskset -c 1 "$fanload" ws --tls --url "wss://127.0.0.1:$((port + 1))/v1/subscribe?topic=storm.a&from=$position" --conns "$N" \
        --in-flight "$N" --duration 60 --idle 60 --ready-file all-in --label "storm-$N" &
      storm=$!
      pids+=($storm)
    fi
    [ $phase = leaving ] && (sleep 1; kill -TERM $storm) &
    publish 100 $events live.a
    wait $subscribers || true
    stages $phase
    if [ $phase = storm ]; then
      for _ in $(seq 300); do [ -e all-in ] && break; sleep 0.1; done
    fi
  done
  wait $storm || true
  curl -fsS "http://127.0.0.1:$port/metrics" | grep -E '^fanfare_(tls_failures|connections_(accepted|refused|turned_away)|catch_up_reads|output_overflows)_total'
fi
if [ "$ONLY" != storm ]; then
  for scheme in ws wss; do
    listener=$port
    [ $scheme = wss ] && listener=$((port + 1))
    for round in 1 2 3; do
      for stalled in 0 100; do
        topic=slow.$scheme-$round-$stalled
        if [ $stalled -gt 0 ]; then
          rm -f ready
          taskset -c 1 "$fanload" ws --url "$scheme://127.0.0.1:$listener/v1/subscribe?topic=$topic" --conns $stalled --in-flight 50 \
            --ready-file ready --duration 60 >/dev/null &
          sleeper=$!
          pids+=($sleeper)
          for _ in $(seq 300); do [ -e ready ] && break; sleep 0.1; done
          kill -STOP $sleeper
        fi
        live "$scheme-1000-stalled-$stalled" $scheme "$listener" $((1000 - stalled)) 500 "$topic"
        publish 100 500 "$topic"
        wait $subscribers || true
        [ $stalled -gt 0 ] && kill -9 $sleeper
      done
    done
  done
fi
