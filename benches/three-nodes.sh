# What the scripts beside this one share; they source it from the root of the checkout. They have set
# BASE_PORT, DIR and BIN, where sisyphus and sicli are if they are built already.
me=$(basename "$0" .sh)
fail() { echo "$me: $*" >&2; exit 1; }

if [ -z "${BIN:-}" ]; then
    cargo build --profile dist --bin sisyphus --bin sicli
    BIN=$PWD/target/dist
fi
mkdir -p "$DIR"
work=$(mktemp -d "$DIR/$me.XXXXXX")

port() { echo $((BASE_PORT + $1)); }

# Fails unless so many ports are free, from BASE_PORT on.
need_ports() { # count
    local n
    for n in $(seq 0 $(($1 - 1))); do
        ! (exec 3<>"/dev/tcp/127.0.0.1/$(port "$n")") 2>/dev/null ||
            fail "port $(port "$n") is in use: set BASE_PORT to the first of $1 free ones"
    done
}

# Three members: peers at ports 0-2, gRPC 3-5, HTTP 6-8; and where clients find them.
members="" endpoints=""
for n in 1 2 3; do
    members+="${members:+;}$n=127.0.0.1:$(port $((n - 1))),127.0.0.1:$(port $((n + 2))),127.0.0.1:$(port $((n + 5)))"
    endpoints+="${endpoints:+,}127.0.0.1:$(port $((n + 2)))"
done
