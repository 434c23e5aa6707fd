#!/usr/bin/env bash
# Three sisyphus processes beside three etcd processes on this machine: the same load generator,
# protocol, keys and disk, in turns. Prints writes/s, p50 and p99 of each and the ratio, with what
# the numbers depend on: cores, kernel, and the time of one sync of the disk.
#
#   benches/against-etcd.sh            builds what it needs, takes about a minute
#   CLIENTS=1 ROUNDS=5 DIR=/mnt/nvme benches/against-etcd.sh
#
# Without etcd installed (Debian: etcd-server) it measures sisyphus alone. Everything it starts and
# writes is gone when it ends, however it ends.
set -euo pipefail
cd "$(dirname "$0")/.."

CLIENTS=${CLIENTS:-64}         # concurrent clients, each with one write under way
VALUE_BYTES=${VALUE_BYTES:-100}
KEYS=${KEYS:-10000}
READS=${READS:-0}              # share of reads
ROUNDS=${ROUNDS:-3}            # measured rounds of each store, after one to warm up
SECONDS_EACH=${SECONDS_EACH:-5}
BASE_PORT=${BASE_PORT:-24100}  # 18 ports from here on
DIR=${DIR:-target}             # data lives below; its disk is what is measured

fail() { echo "against-etcd: $*" >&2; exit 1; }

cargo build --release --bin sisyphus --bin sicli
bin=$PWD/target/release
mkdir -p "$DIR"
work=$(mktemp -d "$DIR/against-etcd.XXXXXX")
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

port() { echo $((BASE_PORT + $1)); }
for n in $(seq 0 17); do
    ! (exec 3<>"/dev/tcp/127.0.0.1/$(port "$n")") 2>/dev/null ||
        fail "port $(port "$n") is in use: set BASE_PORT to the first of 18 free ones"
done

# sisyphus: peers 0-2, gRPC 3-5, HTTP 6-8.
members="" sisyphus=""
for n in 1 2 3; do
    members+="${members:+;}$n=127.0.0.1:$(port $((n - 1))),127.0.0.1:$(port $((n + 2))),127.0.0.1:$(port $((n + 5)))"
    sisyphus+="${sisyphus:+,}127.0.0.1:$(port $((n + 2)))"
done
for n in 1 2 3; do
    "$bin/sisyphus" serve --node "$n" --member "$members" --data-dir "$work/sisyphus-$n" \
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
        if status=$("$bin/sicli" --endpoints "$2" --timeout 1s cluster status 2>/dev/null) &&
            grep -qw leader <<<"$status"; then
            return
        fi
        sleep 0.2
    done
    tail -n 5 "$work/$1"-*.log >&2
    fail "$1 does not come up"
}

# One round; prints: writes/s p50_us p99_us.
round() { # api endpoints
    timeout $((SECONDS_EACH + 60)) "$bin/sicli" --endpoints "$2" --output json workload --api "$1" \
        --duration "${SECONDS_EACH}s" --clients "$CLIENTS" --keys "$KEYS" \
        --value-bytes "$VALUE_BYTES" --reads "$READS" |
        sed -n 's/.*"writes":{\([^}]*\)}.*/\1/p' | tr ',' '\n' | tr -d '"' |
        awk -F: '{ v[$1] = $2 } END { printf "%.0f %d %d\n", v["per_s"], v["p50_us"], v["p99_us"] }'
}

# The round in the middle, by writes/s.
median() { sort -n "$1" | sed -n "$(((ROUNDS + 1) / 2))p"; }

row() { # name "writes/s p50_us p99_us"
    read -r rate p50 p99 <<<"$2"
    awk -v name="$1" -v rate="$rate" -v p50="$p50" -v p99="$p99" \
        'BEGIN { printf "%-16s %10d %10.2f %10.2f\n", name, rate, p50 / 1000, p99 / 1000 }'
}

# The mean time of one 4 KiB write that waits for the disk.
sync_ms() {
    LC_ALL=C dd if=/dev/zero of="$work/sync" bs=4k count=500 oflag=dsync 2>&1 |
        awk '/copied/ { for (i = 1; i < NF; i++) if ($(i + 1) ~ /^s,?$/) printf "%.3f", $i * 1000 / 500 }'
}

wait_for sisyphus "$sisyphus"
[ -z "$etcd" ] || wait_for etcd "$etcd"
sync=$(sync_ms)
for n in $(seq 0 "$ROUNDS"); do
    # In turns, so that a noisy minute of the machine does not hit one of them alone.
    s=$(round sisyphus "$sisyphus")
    e=""
    [ -z "$etcd" ] || e=$(round etcd "$etcd")
    [ "$n" = 0 ] && continue
    echo "$s" >>"$work/sisyphus.rounds"
    [ -z "$etcd" ] || echo "$e" >>"$work/etcd.rounds"
done

echo "machine: $(nproc) cores, $(uname -sr), one synced 4 KiB write takes $sync ms in $DIR"
echo "load: $CLIENTS clients, $VALUE_BYTES-byte values, $KEYS keys, share of reads $READS; median of $ROUNDS rounds of ${SECONDS_EACH} s"
printf '%-16s %10s %10s %10s\n' store writes/s "p50 ms" "p99 ms"
s=$(median "$work/sisyphus.rounds")
row sisyphus "$s"
if [ -n "$etcd" ]; then
    e=$(median "$work/etcd.rounds")
    row "etcd $etcd_version" "$e"
    paste -d' ' <(echo "$s") <(echo "$e") |
        awk '{ printf "%-16s %10.2f %10.2f %10.2f\n", "sisyphus/etcd", $1 / $4, $2 / $5, $3 / $6 }'
fi
