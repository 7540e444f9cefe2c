#!/bin/bash
# Many idle webhook subscriptions: how long a start with them takes, what each costs in memory, and what one event to all of
# them does to publishing.
#
#   MEASURE, FANFARE, WORK as in fanout.sh   N=subscriptions (10000)   PUBLISHER=what the publisher runs under ("chrt -f 1")
#
# The service (one shard) is pinned to core 0; the sink and the publisher, which sends 200 events a second that no subscription
# wants and notes how long each acknowledgement takes, to core 1, which it waits for while the sink answers: with
# PUBLISHER="chrt -f 1" it does not, and what is left of its wait is the service's. Debian: curl python3. Nothing else may run meanwhile.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
measure=${MEASURE:-$root/../shared/measure}
fanfare=${FANFARE:-$root/.build/release/fanfare}
work=${WORK:-$root/scratch/bench}
n=${N:-10000}
[ -x "$fanfare" ] || { echo "no binary at $fanfare: make build" >&2; exit 69; }
[ -d "$measure/fanload" ] || { echo "no load tool at $measure: name its folder in MEASURE" >&2; exit 69; }
mkdir -p "$work"
[ -x "$work/fanload" ] || make -s -C "$measure/fanload" BIN="$work/fanload"
ulimit -n "$(ulimit -Hn)"

data=$(mktemp -d "$work/subscriptions.XXXX") pids=()
finish() { kill "${pids[@]}" 2>/dev/null || true; wait; rm -rf "$data"; }
trap finish EXIT
port=$((20000 + RANDOM % 8000)) url=http://127.0.0.1:$port sink=$((port + 1))
mkdir "$data/subscriptions.d"
cat > "$data/fanfare.json" <<C
{"shards": 1, "webhooks": {"networks": ["127.0.0.0/8"], "plain_http": true},
 "listeners": [{"name": "a", "address": "127.0.0.1:$port", "serves": ["publish", "manage", "probe"]}]}
C
serve() { # MILLISECONDS until it is ready
  local begin; begin=$(date +%s%N)
  taskset -c 0 "$fanfare" serve --config "$data/fanfare.json" > "$data/out" 2>&1 & server=$!; pids+=("$server")
  for _ in $(seq 3000); do curl -sf "$url/readyz" > /dev/null && break; sleep 0.01; done
  echo $(( ($(date +%s%N) - begin) / 1000000 )) > "$data/ready"
}
stop() { kill "$server"; wait "$server" 2>/dev/null || true; }
rss() { awk '/^VmRSS/ { print $2 }' "/proc/$server/status"; }

serve; sleep 1; without=$(rss); start0=$(cat "$data/ready"); stop
python3 - "$data/subscriptions.d" "$n" "$sink" <<'P'
import json, sys
folder, n, port = sys.argv[1], int(sys.argv[2]), sys.argv[3]
for i in range(n):
    with open(f"{folder}/s{i}.json", "w") as file:
        json.dump({"id": f"s{i}", "topics": [f"idle.t{i}", "all.x"], "webhook": {
            "url": f"http://127.0.0.1:{port}/{i}", "signing_secrets": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLjSwMfKQ9r8GKYqr"]}}, file)
P
serve; first=$(cat "$data/ready"); sleep 1; stop
serve; again=$(cat "$data/ready"); sleep 1; with=$(rss)
echo "$(date -u +%F) $(uname -r) $(nproc) cores: $n idle subscriptions"
echo "ready after $start0 ms with none, $first ms the first time, $again ms the next time"
echo "resident: $without KiB with none, $with KiB: $(( (with - without) * 1024 / n )) bytes each"

taskset -c 1 "$work/fanload" sink --port "$sink" --ready-file "$data/sink" > /dev/null 2>&1 & pids+=($!)
for _ in $(seq 100); do [ -s "$data/sink" ] && break; sleep 0.05; done
taskset -c 1 ${PUBLISHER:-} python3 - "$port" "$n" <<'P'
import http.client, json, sys, time, urllib.request
port, n = int(sys.argv[1]), int(sys.argv[2])
connection = http.client.HTTPConnection("127.0.0.1", port)

def publish(topic):
    begin = time.perf_counter()
    connection.request("POST", f"/v1/topics/{topic}", b'{"n": 1}', {"content-type": "application/json"})
    response = connection.getresponse()
    response.read()
    assert response.status == 202, response.status
    return (time.perf_counter() - begin) * 1000

def delivered():
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    return int(next(l.split()[1] for l in text.splitlines() if l.startswith("fanfare_webhook_delivered_total")))

def p99(seconds, before=None):
    """Milliseconds of an acknowledgement while 200 events a second are published; `before` happens in the middle."""
    times, begin = [], time.perf_counter()
    for i in range(seconds * 200):
        if before and i % 200 == 100:
            before()
        times.append(publish("other.x"))
        time.sleep(max(0, begin + (i + 1) / 200 - time.perf_counter()))
    times.sort()
    return times[len(times) // 2], times[len(times) * 99 // 100]

p99(2)
rounds = []
for _ in range(3):
    quiet = p99(5)
    start = delivered()
    loud = p99(5, lambda: publish("all.x"))
    while delivered() < start + 5 * n:
        time.sleep(0.05)
    rounds.append((quiet, loud))
for quiet, loud in rounds:
    print(f"publishing, ms: p50 {quiet[0]:.2f} p99 {quiet[1]:.2f} with nothing to deliver; p50 {loud[0]:.2f} p99 {loud[1]:.2f} with an "
          f"event to all each second: {loud[1] / quiet[1]:.2f}x")
P
with=$(rss)
echo "resident once every one has delivered: $with KiB: $(( (with - without) * 1024 / n )) bytes each, connections included"
