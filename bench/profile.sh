#!/usr/bin/env bash
# Says where a CServer's time goes under a scenario: a flat profile and one by call tree, from perf's clock.
#
#   bench/profile.sh W7 [options of loadgen serve-and-run …]
#
# Needs `perf` (Debian: linux-perf), root or kernel.perf_event_paranoid <= 1, and release builds of cserver and loadgen.
# TARGET names their folder (default target/release), OUT the folder for the recording (default: a new one).
set -euo pipefail
scenario=${1:?which scenario? see: loadgen list}
shift
target=${TARGET:-target/release}
out=${OUT:-$(mktemp -d)}
seconds=8

CSERVER_BIN=${CSERVER_BIN:-$target/cserver} \
    "$target/loadgen" serve-and-run "$scenario" --seconds "$seconds" "$@" >"$out/summary" 2>"$out/progress" &
generator=$!
# Traffic flows once progress is told. W6 tells none and opens connections from its start on: give it some (--sessions 14000).
for at in $(seq 300); do
    grep -q ' 2/' "$out/progress" && break
    [ "${scenario^^}" = W6 ] && [ "$at" -gt 10 ] && break
    kill -0 "$generator" 2>/dev/null || { cat "$out/progress" "$out/summary"; exit 1; }
    sleep 0.1
done
server=$(cat /proc/"$generator"/task/*/children | tr ' ' '\n' | sed -n 1p)
# A server that ends before ends the recording, with a status that says so.
perf record -e cpu-clock -F 1999 -g -o "$out/perf.data" -p "$server" -- sleep 4 >"$out/perf.log" 2>&1 || [ -s "$out/perf.data" ]
wait "$generator" || true

echo "== flat, from 0.5 %"
perf report -i "$out/perf.data" --no-children -g none --percent-limit 0.5 2>/dev/null | grep -v '^#' | grep -v '^$'
echo "== with callees, from 3 %"
perf report -i "$out/perf.data" --children -g none --percent-limit 3 2>/dev/null | grep -v '^#' | grep -v '^$'
echo "== by program"
perf report -i "$out/perf.data" --no-children -g none --sort dso 2>/dev/null | grep -v '^#' | grep -v '^$' | sed -n 1,6p
cat "$out/summary"
echo "recording: $out/perf.data"
