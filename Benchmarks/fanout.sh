#!/bin/bash
# Fan-out over WebSocket beside a minimal C loop and nginx with nchan, interleaved, by a load tool that knows none of them.
#
#   MEASURE=folder of the tool (default ../shared/measure beside the repository)   FANFARE=binary (default the release build)
#   R=rounds (3)   TRS="plain tls"   NS="1000 10000"   DEPTHS="1 16"   WORK=scratch folder (kept out of git)
#
# The server is pinned to core 0, the load tool to core 1. Prints a line for each cell: median deliveries a second, and the
# ratios to the C loop (at one event in flight the bound of any server) and to nchan. Nothing else may run meanwhile.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
measure=${MEASURE:-$root/../shared/measure}
export FANFARE=${FANFARE:-$root/.build/release/fanfare} WORK=${WORK:-$root/scratch/bench} R=${R:-3}
[ -x "$FANFARE" ] || { echo "no binary at $FANFARE: make build" >&2; exit 69; }
[ -x "$measure/peers/quick.sh" ] || { echo "no load tool at $measure: name its folder in MEASURE" >&2; exit 69; }
mkdir -p "$WORK"
echo "$(date -u +%F) $(uname -r) $(nproc) cores, $("$FANFARE" --version 2>/dev/null || true)"
exec "$measure/peers/quick.sh"
