#!/usr/bin/env bash
# A follower that missed many entries catches up while the cluster serves: three sisyphus processes
# on this machine, one of which is stopped until the others are LAG entries ahead. Prints operations/s,
# p50 and p99 of writes when all is calm, while the follower catches up, and afterwards; how long the
# follower took; and the ratio of the p99 during and before.
#
#   benches/catch-up.sh                        builds what it needs, takes about five minutes
#   LAG=100000 CLIENTS=16 LIMITS="snapshot_bytes_per_second=8388608" benches/catch-up.sh
#
# Everything it starts and writes is gone when it ends, however it ends.
set -euo pipefail
cd "$(dirname "$0")/.."

LAG=${LAG:-1000000}            # entries that the follower misses
CLIENTS=${CLIENTS:-64}         # concurrent clients, each with one write under way
VALUE_BYTES=${VALUE_BYTES:-100}
KEYS=${KEYS:-100000}
SECONDS_EACH=${SECONDS_EACH:-5} # a round of measuring
LIMITS=${LIMITS:-}             # NAME=NUMBER, with spaces between, for all nodes
BASE_PORT=${BASE_PORT:-24200}  # 9 ports from here on
DIR=${DIR:-target}             # data lives below
BIN=${BIN:-}                   # where sisyphus and sicli are, if they are built already

. benches/three-nodes.sh
declare -A pids=()
end() { # node
    kill "${pids[$1]}" 2>/dev/null || true
    timeout 10 tail --pid="${pids[$1]}" -f /dev/null || kill -9 "${pids[$1]}" 2>/dev/null || true
    unset "pids[$1]"
}
stop() {
    for node in "${!pids[@]}"; do end "$node"; done
    rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT TERM

need_ports 9
grpc() { echo "127.0.0.1:$(port $(($1 + 2)))"; }
start() { # node
    local limits=() limit
    for limit in $LIMITS; do limits+=(--limit "$limit"); done
    "$BIN/sisyphus" serve --node "$1" --member "$members" --data-dir "$work/node-$1" \
        "${limits[@]}" >>"$work/node-$1.log" 2>&1 &
    pids[$1]=$!
}

# A number that a node says of itself, or 0.
said() { # node field
    local status
    status=$("$BIN/sicli" --endpoints "$(grpc "$1")" --timeout 1s --output json cluster status 2>/dev/null) || true
    status=$(sed -n "s/.*\"$2\":\([0-9]*\).*/\1/p" <<<"$status" | head -n 1)
    echo "${status:-0}"
}
wait_for_leader() {
    for _ in $(seq 100); do
        [ "$(said 1 leader)" = 0 ] || return 0
        sleep 0.2
    done
    fail "no leader"
}

# Writes for some seconds; prints operations/s p50_us p99_us. Only the two nodes that stay are asked.
load() { # seconds clients
    "$BIN/sicli" --endpoints "$(grpc 1),$(grpc 2)" --output json workload --prefix load/ \
        --duration "$1s" --clients "$2" --keys "$KEYS" --value-bytes "$VALUE_BYTES" --reads 0 \
        >"$work/round"
    sed -n 's/.*"writes":{\([^}]*\)}.*/\1/p' "$work/round" | tr ',' '\n' | tr -d '"' |
        awk -F: '{ v[$1] = $2 } END { printf "%.0f %d %d\n", v["per_s"], v["p50_us"], v["p99_us"] }'
}
row() { # name "operations/s p50_us p99_us"
    awk -v name="$1" '{ printf "%-12s %10d %9.2f %9.2f\n", name, $1, $2 / 1000, $3 / 1000 }' <<<"$2"
}

for n in 1 2 3; do start "$n"; done
wait_for_leader
echo "machine: $(nproc) cores, $(uname -sr); $CLIENTS clients, $VALUE_BYTES-byte values, $KEYS keys, $LAG entries behind"
printf '%-12s %10s %9s %9s\n' writes "op/s" "p50 ms" "p99 ms"
load 2 "$CLIENTS" >/dev/null
calm=$(load "$SECONDS_EACH" "$CLIENTS")
row calm "$calm"

from=$(said 3 applied)
end 3
wait_for_leader
while [ $(($(said 1 applied) - from)) -lt "$LAG" ]; do
    load 10 256 >/dev/null
done
# Alone with one follower less, the load is calm in another way: for the eye.
row "two of three" "$(load "$SECONDS_EACH" "$CLIENTS")"

begun=$(date +%s%N)
start 3
: >"$work/during"
load_until_caught_up() {
    local caught_up=0 behind
    while [ "$caught_up" = 0 ]; do
        behind=$(($(said 1 applied) - $(said 3 applied)))
        if [ "$(said 3 applied)" != 0 ] && [ "$behind" -lt 10000 ]; then caught_up=1; fi
        [ "$(($(date +%s%N) - begun))" -lt 600000000000 ] || fail "not caught up after ten minutes"
        sleep 0.2
    done
    echo "$((($(date +%s%N) - begun) / 1000000))" >"$work/took"
}
load_until_caught_up &
watcher=$!
while kill -0 "$watcher" 2>/dev/null; do
    load "$SECONDS_EACH" "$CLIENTS" >>"$work/during"
done
wait "$watcher"
# The worst round counts.
during=$(sort -n -k 3 "$work/during" | tail -n 1)
row "catching up" "$during"
row after "$(load "$SECONDS_EACH" "$CLIENTS")"
echo "caught up $(($(wc -l <"$work/during"))) rounds later, after $(cat "$work/took") ms"
awk -v calm="$calm" -v during="$during" 'BEGIN {
    split(calm, a); split(during, b)
    printf "p99 while catching up: %.2f times the calm one (aim: at most 2)\n", b[3] / a[3]
}'
