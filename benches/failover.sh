#!/usr/bin/env bash
# How long clients miss a leader: three sisyphus processes on this machine under load, whose leader
# is killed (kill -9) KILLS times, and stopped (SIGTERM) STOPS times. The gap is the longest time between two
# acknowledged writes, of any client, around the event. Prints median, p99 and maximum of both, in milliseconds.
#
#   benches/failover.sh                        builds what it needs, takes about six minutes
#   KILLS=10 STOPS=10 CLIENTS=64 benches/failover.sh
#
# All settings are those of a node that was told nothing. Every history is checked at the end of its
# round. Everything it starts and writes is gone when it ends, however it ends.
set -euo pipefail
cd "$(dirname "$0")/.."

KILLS=${KILLS:-100}
STOPS=${STOPS:-20}
CLIENTS=${CLIENTS:-8}          # concurrent clients, each with one write under way
VALUE_BYTES=${VALUE_BYTES:-100}
BASE_PORT=${BASE_PORT:-24300}  # 9 ports from here on
DIR=${DIR:-target}             # data lives below
BIN=${BIN:-}                   # where sisyphus and sicli are, if they are built already

. benches/three-nodes.sh
declare -A pids=()
cleanup() {
    for node in "${!pids[@]}"; do kill -9 "${pids[$node]}" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

need_ports 9
start() { # node
    "$BIN/sisyphus" serve --node "$1" --member "$members" --data-dir "$work/node-$1" \
        >>"$work/node-$1.log" 2>&1 &
    pids[$1]=$!
}
sicli() { "$BIN/sicli" --endpoints "$endpoints" "$@"; }

# The number of the node that leads, once all three are up and have applied the same; fails after a while.
leader() {
    local status
    for _ in $(seq 200); do
        status=$(sicli --timeout 1s cluster status 2>/dev/null || true)
        if awk 'NR > 1 && $3 == "leader" { leaders++ } NR > 1 { applied[$6]++; nodes++ }
                END { for (a in applied) kinds++; exit !(leaders == 1 && nodes == 3 && kinds == 1) }' <<<"$status"; then
            awk '$3 == "leader" { print $2 }' <<<"$status"
            return
        fi
        sleep 0.1
    done
    echo "$status" >&2
    fail "the three nodes do not come to agree"
}

# One event under load; prints the gap in milliseconds.
round() { # signal
    local led
    led=$(leader)
    sicli workload --duration 3s --clients "$CLIENTS" --keys 1000 --value-bytes "$VALUE_BYTES" --reads 0 \
        --record "$work/history" >/dev/null 2>&1 &
    local load=$!
    sleep 1
    kill "-$1" "${pids[$led]}"
    wait "${pids[$led]}" 2>/dev/null || true
    start "$led"
    wait "$load" || fail "the load failed"
    sicli check "$work/history" >"$work/verdict" || { cat "$work/verdict" >&2; fail "the history is not linearizable"; }
    # Up to the end of the load: then no write begins that could fill a gap. The lines stand in the
    # order of their events, and the clock is the recorder's.
    grep '"kind":"ok","call":"put"' "$work/history" | sed 's/.*"time_us":\([0-9]*\).*/\1/' |
        awk '$1 <= 3e6 { if (seen++ && $1 - last > gap) gap = $1 - last; last = $1 } END { printf "%.0f\n", gap / 1000 }'
    rm -f "$work/history"
}

# Median, p99 and maximum of a file of numbers.
summary() { # name file
    sort -n "$2" | awk -v name="$1" '{ v[NR] = $1 } END {
        printf "%-22s %6d %10d %10d %10d\n", name, NR, v[int((NR + 1) / 2)], v[int(NR * 0.99 + 0.99)], v[NR] }'
}

for n in 1 2 3; do start "$n"; done
leader >/dev/null
: >"$work/kills" >"$work/stops"
for n in $(seq "$STOPS"); do
    round TERM >>"$work/stops"
done
for n in $(seq "$KILLS"); do
    round KILL >>"$work/kills"
    [ -t 2 ] && printf '\r%d of %d kills' "$n" "$KILLS" >&2
done
[ -t 2 ] && printf '\n' >&2
echo "machine: $(nproc) cores, $(uname -sr); $CLIENTS clients, $VALUE_BYTES-byte values, default timeouts"
printf '%-22s %6s %10s %10s %10s\n' "gap at the clients, ms" times p50 p99 max
[ "$STOPS" = 0 ] || summary "stopped (SIGTERM)" "$work/stops"
[ "$KILLS" = 0 ] || summary "killed (kill -9)" "$work/kills"
