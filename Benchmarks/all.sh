#!/bin/bash
# Every table of docs/BENCHMARKS.md, one part after the other; what a part prints is also kept in a file of its own.
#
#   ONLY="idle peers": these parts only   RESULTS=folder (scratch/bench/DATE)   START_DATA=data directory, for the part start
#   and what the scripts of the parts take (their first lines tell)
#
# A part that fails or cannot be run here is told at the end, and the others run. Nothing else may run meanwhile.
set -eu
cd "$(dirname "$0")/.."
export FANFARE=${FANFARE:-$PWD/.build/release/fanfare}
results=${RESULTS:-scratch/bench/$(date -u +%F)}
mkdir -p "$results"

part() {
  case $1 in
    fanout) Benchmarks/fanout.sh ;;
    deeper) NS=${NS:-1000} DEPTHS="16 64 256" Benchmarks/fanout.sh ;;
    idle | allocations | catchup | commit | webhooks | single | subscriptions | storm) "Benchmarks/$1.sh" ;;
    start)
      [ -n "${START_DATA:-}" ] || { echo "START_DATA names no data directory (logbench fill makes one)"; return 69; }
      Benchmarks/start.py "$START_DATA" ;;
    deflate) Benchmarks/deflate.py ;;
    smoke) "$FANFARE" bench --profile load-profiles/smoke.json --output "$results" ;;
    plots)
      Benchmarks/plot.py depths docs/plots/depths.svg
      [ ! -f "$results/smoke.json" ] || Benchmarks/plot.py latency docs/plots/smoke.svg "$results/smoke.json"
      ! grep -qs '^| | deliveries/s' "$results/peers.txt" || Benchmarks/plot.py peers docs/plots/peers.svg "$results/peers.txt" ;;
    peers) make --no-print-directory peers ;;
    *) echo "no part is called $1"; return 64 ;;
  esac
}

failed=()
for name in ${ONLY:-fanout deeper single idle allocations catchup commit start webhooks subscriptions storm deflate smoke peers plots}; do
  echo "== $name"
  part "$name" 2>&1 | tee "$results/$name.txt"
  [ "${PIPESTATUS[0]}" -eq 0 ] || failed+=("$name")
done
echo "== what they printed is in $results"
[ ${#failed[@]} -eq 0 ] || { echo "not measured, or not to the end: ${failed[*]}"; exit 1; }
