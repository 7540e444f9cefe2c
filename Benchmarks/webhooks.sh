#!/bin/bash
# Signed webhook deliveries from a durable log beside wrk, which posts a body of the same 230 bytes to the same sink.
#
#   MEASURE, FANFARE, WORK as in fanout.sh   R=rounds (3)   T=seconds a cell (2)   TRS="plain tls"   CS="1 64 1000"
#   WHAT="one many http2 burst isolation"   one endpoint at each of CS; 1,000 TLS endpoints; one endpoint over HTTP/2 (nginx, beside
#   h2load); one event to 1,000 TLS endpoints; the p99 of 1,000 of them without and with 1,000 dead ones
#
# The service (one shard) and wrk are pinned to core 0, the sink to core 1. The backlog is on disk before a subscription that
# begins with the oldest event is added, so the service is the limit. Rounds are interleaved; prints medians and ratios.
# Debian: wrk curl openssl nginx nghttp2-client. Nothing else may run meanwhile.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
measure=${MEASURE:-$root/../shared/measure}
fanfare=${FANFARE:-$root/.build/release/fanfare}
work=${WORK:-$root/scratch/bench}
rounds=${R:-3} seconds=${T:-2}
[ -x "$fanfare" ] || { echo "no binary at $fanfare: make build" >&2; exit 69; }
[ -d "$measure/fanload" ] || { echo "no load tool at $measure: name its folder in MEASURE" >&2; exit 69; }
for tool in wrk:wrk nginx:nginx h2load:nghttp2-client; do
  command -v "${tool%:*}" >/dev/null || apt-get install -y -qq --no-install-recommends "${tool#*:}"
done
mkdir -p "$work"
[ -x "$work/fanload" ] || make -s -C "$measure/fanload" BIN="$work/fanload"
ulimit -n "$(ulimit -Hn)"

data=$(mktemp -d "$work/webhooks.XXXX") pids=()
finish() { kill "${pids[@]}" 2>/dev/null || true; wait; rm -rf "$data"; }
trap finish EXIT
port=$((20000 + RANDOM % 8000)) url=http://127.0.0.1:$port plain=$((port + 1)) tls=$((port + 2)) http2=$((port + 3))
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$data/key.pem" -out "$data/cert.pem" -days 30 \
  -subj /CN=localhost -addext 'subjectAltName=DNS:localhost,DNS:*.hooks.localhost,IP:127.0.0.1' 2>/dev/null
mkdir "$data/subscriptions.d"
cat > "$data/fanfare.json" <<C
{"shards": 1, "webhooks": {"networks": ["127.0.0.0/8", "::1/128"], "plain_http": true},
 "listeners": [{"name": "a", "address": "127.0.0.1:$port", "serves": ["publish", "manage", "probe"]}]}
C
printf 'wrk.method="POST"\nwrk.body=string.rep("x",230)\nwrk.headers["Content-Type"]="application/json"\n' > "$data/post.lua"

# Events whose JSON has exactly 230 bytes.
awk 'BEGIN { for (i = 0; i < 600000; i++) {
  line = sprintf("{\"specversion\":\"1.0\",\"id\":\"%09d\",\"source\":\"/bench\",\"type\":\"bench.backlog\",\"data\":\"", i)
  while (length(pad) < 228 - length(line)) pad = pad "x"
  print line pad "\"}" } }' > "$data/events"
[ "$(head -n 1 "$data/events" | tr -d '\n' | wc -c)" = 230 ]

sink() { # PORT OPTION...: a sink on core 1
  taskset -c 1 "$work/fanload" sink --port "$@" --ready-file "$data/ready.$1" --out "$data/sink.$1" 2>/dev/null & pids+=($!)
  for _ in $(seq 100); do [ -s "$data/ready.$1" ] && break; sleep 0.05; done
}
sink "$plain"; sink "$tls" --tls --cert "$data/cert.pem" --key "$data/key.pem"
if [[ ${WHAT:-http2} == *http2* ]]; then
  head -c 230 /dev/zero | tr '\0' x > "$data/body"
  cat > "$data/nginx.conf" <<C
worker_processes 1; daemon off; master_process off; pid $data/nginx.pid; error_log $data/nginx.err error; worker_rlimit_nofile 19000;
events { worker_connections 18000; }
http { access_log off; keepalive_requests 1000000000; client_body_temp_path $data/b; proxy_temp_path $data/p;
  fastcgi_temp_path $data/f; uwsgi_temp_path $data/u; scgi_temp_path $data/s; http2_max_concurrent_streams 128;
  server { listen 127.0.0.1:$http2 ssl http2; ssl_certificate $data/cert.pem; ssl_certificate_key $data/key.pem;
    location / { return 200; } } }
C
  taskset -c 1 nginx -c "$data/nginx.conf" 2>/dev/null & pids+=($!)
fi
taskset -c 0 "$fanfare" serve --config "$data/fanfare.json" > "$data/out" 2>&1 & pids+=($!)
for _ in $(seq 100); do curl -sf "$url/readyz" > /dev/null && break; sleep 0.1; done
(cd "$data" && split -l 60000 events part. && rm events)
for part in "$data"/part.*; do
  curl -sf "$url/v1/events" -H 'content-type: application/x-ndjson' --data-binary "@$part" > /dev/null; rm "$part"
done

delivered() { curl -sf "$url/metrics" | awk '/^fanfare_webhook_delivered_total/ { print $2 }'; }
reload() { curl -sf -X POST "$url/v1/reload" > /dev/null; }
subscription() { # ID URL CONCURRENCY TOPIC START
  printf '{"id": "%s", "topics": ["%s"], "start": "%s", "webhook": {"url": "%s", "concurrency": %d,
    "signing_secrets": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLjSwMfKQ9r8GKYqr"]%s}}' "$1" "$4" "$5" "$2" "$3" \
    "$([ "${2%%:*}" = https ] && echo ", \"tls\": {\"ca\": \"$data/cert.pem\"}")" > "$data/subscriptions.d/$1.json"
}
deliveries() { # deliveries a second, once a second has passed
  reload; sleep 1
  local before after begin end; before=$(delivered); begin=$(date +%s%N); sleep "$seconds"
  after=$(delivered); end=$(date +%s%N)
  rm -f "$data"/subscriptions.d/*; reload; sleep 0.3
  awk "BEGIN { printf \"%.0f\", ($after - $before) * 1e9 / ($end - $begin) }"
}
peer() { # URL CONNECTIONS
  taskset -c 0 wrk -t1 -c"$2" -d"${seconds}s" -s "$data/post.lua" "$1" | awk '/Requests\/sec/ { printf "%.0f", $2 }'
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
line() { # LABEL: the medians of what was noted
  local ours theirs; ours=$(median < "$data/$1.fanfare"); theirs=$(median < "$data/$1.wrk")
  printf '%-22s fanfare %8d/s   peer %8d/s   ratio %s\n' "$1" "$ours" "$theirs" "$(awk "BEGIN { printf \"%.2f\", $ours / $theirs }")"
}

echo "$(date -u +%F) $(uname -r) $(nproc) cores, $("$fanfare" --version 2>/dev/null || true), $rounds rounds of $seconds s"
what=${WHAT:-one many http2 burst isolation} id=0 labels=()
base() { [ "$1" = tls ] && echo "https://127.0.0.1:$tls/" || echo "http://127.0.0.1:$plain/"; }
for round in $(seq "$rounds"); do
  if [[ $what == *one* ]]; then for tr in ${TRS:-plain tls}; do for c in ${CS:-1 64 1000}; do
    label=$tr.connections-$c id=$((id + 1)); [ "$round" = 1 ] && labels+=("$label")
    subscription "b-$id" "$(base "$tr")" "$c" 'bench.backlog' earliest
    deliveries >> "$data/$label.fanfare"; echo >> "$data/$label.fanfare"
    peer "$(base "$tr")" "$c" >> "$data/$label.wrk"; echo >> "$data/$label.wrk"
  done; done; fi
  if [[ $what == *http2* ]]; then
    label=http2.streams-1000 id=$((id + 1)); [ "$round" = 1 ] && labels+=("$label")
    subscription "b-$id" "https://localhost:$http2/" 1000 'bench.backlog' earliest
    deliveries >> "$data/$label.fanfare"; echo >> "$data/$label.fanfare"
    taskset -c 0 h2load -t1 -c8 -m128 -D "$seconds" -d "$data/body" "https://127.0.0.1:$http2/" 2>&1 |
      awk '/^finished in/ { printf "%.0f\n", $4 }' >> "$data/$label.wrk"
  fi
  if [[ $what == *many* ]]; then
    label=tls.endpoints-1000; [ "$round" = 1 ] && labels+=("$label")
    for n in $(seq 1000); do subscription "m-$round-$n" "https://e$n.hooks.localhost:$tls/" 1 'bench.backlog' earliest; done
    deliveries >> "$data/$label.fanfare"; echo >> "$data/$label.fanfare"
    peer "$(base tls)" 1000 >> "$data/$label.wrk"; echo >> "$data/$label.wrk"
  fi
done
for label in ${labels[@]+"${labels[@]}"}; do line "$label"; done

if [[ $what == *burst* ]]; then
  for n in $(seq 1000); do subscription "one-$n" "https://e$n.hooks.localhost:$tls/" 1 'burst.>' latest; done
  reload; sleep 1
  publish() { taskset -c 1 "$work/fanload" publish --protocol http --url "$url/v1/topics/burst.x" --rate 4 --count "$1" --size 230 \
    --depth 4 --header 'Content-Type: application/json' > /dev/null 2>&1; }
  publish 4; sleep 1
  # A sink of its own would have no connections: the figures of the first four, which open them, are in its p99.
  publish 40; sleep 1
  rate=$(peer "$(base tls)" 1000)
  kill -INT "${pids[1]}"; wait "${pids[1]}" || true
  last=$(grep -o '"last_delivery_us":{[^}]*}' "$data/sink.$tls" | grep -o '"p50":[0-9.]*' | cut -d: -f2)
  echo "one event to 1,000 TLS endpoints: last after $last us (median); 1,000 at wrk's $rate/s take $((1000000000 / rate)) us:" \
    "ratio $(awk "BEGIN { printf \"%.2f\", $last * $rate / 1e9 }")"
fi

if [[ $what == *isolation* ]]; then
  # Half of the dead ones refuse connections, half accept them and never answer.
  silent=$((port + 4))
  python3 -c "import socket, time; s = socket.create_server(('127.0.0.1', $silent), backlog=4096); time.sleep(300)" & pids+=($!)
  live() { # PORT: the p99 of the deliveries of 60 events at 10 a second to 1,000 endpoints, after some that open connections
    sink "$1" --tls --cert "$data/cert.pem" --key "$data/key.pem"
    local sink=${pids[-1]} warm measured
    for n in $(seq 1000); do subscription "live-$n" "https://e$n.hooks.localhost:$1/" 4 "isolation.$1" latest; done
    reload; sleep 1
    warm=$1; measured=$2
    events() { taskset -c 1 "$work/fanload" publish --protocol http --url "$url/v1/topics/isolation.$warm" --rate 10 --count "$1" \
      --size 230 --depth 8 --header 'Content-Type: application/json' > /dev/null 2>&1; }
    # What opens the connections, and the breakers of the dead, bears no time and is not counted.
    for _ in $(seq 8); do curl -sf "$url/v1/topics/isolation.$warm" -H 'content-type: application/json' -d '{}' > /dev/null; sleep 0.4; done
    events 60; sleep 2
    kill -INT "$sink"; wait "$sink" || true
    grep -o '"latency_us":{[^}]*}' "$data/sink.$1" | grep -o '"p99":[0-9.]*' | cut -d: -f2 > "$data/$measured"
    grep -o '"requests":[0-9]*' "$data/sink.$1" | cut -d: -f2 >> "$data/$measured"
  }
  rm -f "$data"/subscriptions.d/*
  for round in $(seq "$rounds"); do
    live $((port + 4 + 2 * round)) "alone.$round"; rm -f "$data"/subscriptions.d/*; reload; sleep 0.5
    for n in $(seq 1000); do
      subscription "dead-$n" "https://d$n.hooks.localhost:$([ $((n % 2)) = 0 ] && echo 1 || echo "$silent")/" 4 'isolation.>' latest
    done
    live $((port + 5 + 2 * round)) "among.$round"; rm -f "$data"/subscriptions.d/*; reload; sleep 0.5
  done
  alone=$(for f in "$data"/alone.*; do head -n 1 "$f"; done | median) among=$(for f in "$data"/among.*; do head -n 1 "$f"; done | median)
  echo "p99 of 1,000 live endpoints: alone $alone us, among 1,000 dead ones $among us:" \
    "ratio $(awk "BEGIN { printf \"%.2f\", $among / $alone }"); deliveries $(tail -qn 1 "$data"/alone.* "$data"/among.* | tr '\n' ' ')"
fi
