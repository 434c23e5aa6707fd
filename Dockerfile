# The image of SisyphusDB: two static binaries and an empty data directory, nothing else.
#
#   docker build -t sisyphus .
#   docker run --rm sisyphus --help
#   docker run --rm --entrypoint sicli sisyphus --help

FROM rust:1-bookworm AS build
WORKDIR /build
COPY . .
# Static with glibc: `scratch` has no loader and no libraries. Since glibc 2.34 the resolver's "files"
# and "dns" live inside libc itself, so a static binary still reads /etc/hosts and asks the name server
# that Docker or Kubernetes wrote into /etc/resolv.conf; bookworm has 2.36.
#
# RUSTFLAGS replaces the flags of .cargo/config.toml, which are there for the simulator alone. With an
# explicit --target they do not reach procedural macros, which cannot be static.
ENV RUSTFLAGS="-C target-feature=+crt-static" \
    CARGO_PROFILE_DIST_DEBUG=none \
    CARGO_PROFILE_DIST_STRIP=symbols
RUN target="$(rustc --print host-tuple)" \
    && cargo build --locked --profile dist --package sisyphus --bins --target "$target" \
    && mkdir -p /image/bin /image/data \
    && cp "target/$target/dist/sisyphus" "target/$target/dist/sicli" /image/bin/

FROM scratch
COPY --from=build /image/bin /bin
# An empty directory of the right owner: a fresh named volume takes both from here.
COPY --from=build --chown=10001:10001 /image/data /data
# A number, because there is no /etc/passwd, and because Kubernetes can tell only from a number that the
# user is not root.
USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
# HTTP and metrics · gRPC · peers
EXPOSE 8000 9000 5000
# `docker stop` asks politely; the server drains its requests and syncs before it goes.
STOPSIGNAL SIGTERM
ENTRYPOINT ["sisyphus"]
CMD ["serve"]
