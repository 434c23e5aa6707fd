#!/usr/bin/env bash
# Three sisyphus processes beside three etcd processes on this machine: the same load generator,
# protocol, keys and disk, in turns. For writes and for linearizable reads, at each number of
# clients, prints operations/s, p50, p99, and the CPU time that all three servers together spent on
# an operation; then the ratios, with what the numbers depend on: cores, kernel, and the time of one
# sync of the disk.
#
#   benches/against-etcd.sh            builds what it needs, takes about four minutes
#   CLIENTS="1 1000" LOADS=writes ROUNDS=5 DIR=/mnt/nvme benches/against-etcd.sh
#
# Without etcd installed (Debian: etcd-server) it measures sisyphus alone. Everything it starts and
# writes is gone when it ends, however it ends.
set -euo pipefail
cd "$(dirname "$0")/.."

CLIENTS=${CLIENTS:-1 64 256 1000} # numbers of concurrent clients, each with one request under way
LOADS=${LOADS:-writes reads}
VALUE_BYTES=${VALUE_BYTES:-100}
KEYS=${KEYS:-10000}
ROUNDS=${ROUNDS:-3}            # measured rounds of each store at each point
SECONDS_EACH=${SECONDS_EACH:-4}
BASE_PORT=${BASE_PORT:-24100}  # 18 ports from here on
DIR=${DIR:-target}             # data lives below; its disk is what is measured
BIN=${BIN:-}                   # where sisyphus and sicli are, if they are built already

. benches/three-nodes.sh
pids=()
stop() {
    ((${#pids[@]})) && kill "${pids[@]}" 2>/dev/null
    for pid in "${pids[@]}"; do
        timeout 10 tail --pid="$pid" -f /dev/null || kill -9 "$pid" 2>/dev/null
    done
    rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT TERM

need_ports 18

for n in 1 2 3; do
    "$BIN/sisyphus" serve --node "$n" --member "$members" --data-dir "$work/sisyphus-$n" \
        >"$work/sisyphus-$n.log" 2>&1 &
    pids+=($!)
done

# etcd: peers 9-11, clients 12-14, all settings as they come.
etcd="" etcd_version=""
if command -v etcd >/dev/null; then
    etcd_version=$(etcd --version | sed -n 's/^etcd Version: //p')
    cluster=""
    for n in 1 2 3; do
        cluster+="${cluster:+,}e$n=http://127.0.0.1:$(port $((n + 8)))"
        etcd+="${etcd:+,}127.0.0.1:$(port $((n + 11)))"
    done
    for n in 1 2 3; do
        peer=http://127.0.0.1:$(port $((n + 8))) client=http://127.0.0.1:$(port $((n + 11)))
        etcd --name "e$n" --data-dir "$work/etcd-$n" --initial-cluster "$cluster" \
            --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" \
            --listen-client-urls "$client" --advertise-client-urls "$client" \
            >"$work/etcd-$n.log" 2>&1 &
        pids+=($!)
    done
else
    echo "etcd is not installed: measuring sisyphus alone" >&2
fi

# Waits until every endpoint answers and one of them leads.
wait_for() { # name endpoints
    for _ in $(seq 100); do
        if status=$("$BIN/sicli" --endpoints "$2" --timeout 1s cluster status 2>/dev/null) &&
            grep -qw leader <<<"$status"; then
            return
        fi
        sleep 0.2
    done
    tail -n 5 "$work/$1"-*.log >&2
    fail "$1 does not come up"
}

# What processes have used of the CPU so far, in clock ticks.
ticks() { # pids
    local sum=0 pid
    for pid in "$@"; do
        # Behind the name, which may hold anything, stand user and system time as fields 12 and 13.
        read -r -a fields <<<"$(sed 's/.*) //' "/proc/$pid/stat")"
        sum=$((sum + fields[11] + fields[12]))
    done
    echo "$sum"
}

# One round; prints: operations/s p50_us p99_us cpu_us_per_operation.
round() { # api endpoints load clients pids
    local api=$1 endpoints=$2 load=$3 clients=$4 share=0 before after
    shift 4
    [ "$load" = writes ] || share=1
    before=$(ticks "$@")
    timeout $((SECONDS_EACH + 60)) "$BIN/sicli" --endpoints "$endpoints" --output json workload \
        --api "$api" --duration "${SECONDS_EACH}s" --clients "$clients" --keys "$KEYS" \
        --value-bytes "$VALUE_BYTES" --reads "$share" >"$work/round"
    after=$(ticks "$@")
    sed -n "s/.*\"$load\":{\([^}]*\)}.*/\1/p" "$work/round" | tr ',' '\n' | tr -d '"' |
        awk -F: -v ticks=$((after - before)) -v hz="$(getconf CLK_TCK)" -v seconds="$SECONDS_EACH" '
            { v[$1] = $2 }
            END {
                count = v["per_s"] * seconds
                cpu = count > 0 ? ticks * 1e6 / hz / count : 0
                printf "%.0f %d %d %.0f\n", v["per_s"], v["p50_us"], v["p99_us"], cpu
            }'
}

# The round in the middle, by operations/s.
median() { sort -n "$1" | sed -n "$(((ROUNDS + 1) / 2))p"; }

row() { # load clients name "operations/s p50_us p99_us cpu_us"
    awk -v load="$1" -v clients="$2" -v name="$3" '
        { printf "%-7s %7d  %-14s %10d %9.2f %9.2f %9d\n", load, clients, name, $1, $2 / 1000, $3 / 1000, $4 }' <<<"$4"
}

# The mean time of one 4 KiB write that waits for the disk.
sync_ms() {
    LC_ALL=C dd if=/dev/zero of="$work/sync" bs=4k count=500 oflag=dsync 2>&1 |
        awk '/copied/ { for (i = 1; i < NF; i++) if ($(i + 1) ~ /^s,?$/) printf "%.3f", $i * 1000 / 500 }'
}

wait_for sisyphus "$endpoints"
[ -z "$etcd" ] || wait_for etcd "$etcd"
sync=$(sync_ms)
echo "machine: $(nproc) cores, $(uname -sr), one synced 4 KiB write takes $sync ms in $DIR"
echo "load: $VALUE_BYTES-byte values, $KEYS keys; median of $ROUNDS rounds of ${SECONDS_EACH} s; cpu: all servers, per operation"
printf '%-7s %7s  %-14s %10s %9s %9s %9s\n' load clients store "op/s" "p50 ms" "p99 ms" "cpu us"
# The keys, so that reads find something; and a warm start for both.
round sisyphus "$endpoints" writes 64 "${pids[@]:0:3}" >/dev/null
[ -z "$etcd" ] || round etcd "$etcd" writes 64 "${pids[@]:3:3}" >/dev/null
for load in $LOADS; do
    for clients in $CLIENTS; do
        rm -f "$work"/*.rounds
        for _ in $(seq "$ROUNDS"); do
            # In turns, so that a noisy minute of the machine does not hit one of them alone.
            round sisyphus "$endpoints" "$load" "$clients" "${pids[@]:0:3}" >>"$work/sisyphus.rounds"
            [ -z "$etcd" ] || round etcd "$etcd" "$load" "$clients" "${pids[@]:3:3}" >>"$work/etcd.rounds"
        done
        s=$(median "$work/sisyphus.rounds")
        row "$load" "$clients" sisyphus "$s"
        [ -n "$etcd" ] || continue
        e=$(median "$work/etcd.rounds")
        row "$load" "$clients" "etcd $etcd_version" "$e"
        awk '{ printf "%-7s %7s  %-14s %10.2f %9.2f %9.2f %9.2f\n", "", "", "  ratio", $1 / $5, $2 / $6, $3 / $7, $4 / $8 }' <<<"$s $e"
    done
done
