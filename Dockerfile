# docker build -t landfall .
# docker run --rm -v "$PWD/landfall.toml:/etc/landfall/landfall.toml:ro" -p 127.0.0.1:9464:9464 landfall
#
# To reach the page and /metrics from outside, the configuration needs http.listen = "0.0.0.0:9464", and http.token_file
# unless whoever reaches the port may see names of tables and topics.

# As old as Cargo.toml's rust-version; the -bookworm of both stages keeps their libc the same.
FROM rust:1.95-bookworm AS build
WORKDIR /build
# Half the size. A panic names its file and line without it.
ENV CARGO_PROFILE_RELEASE_DEBUG=none
# An OpenSSL of its own, compiled in: the image that it runs in need not have one.
ENV OPENSSL_NO_VENDOR=0

# The dependencies are a layer of their own, kept until Cargo.toml or Cargo.lock change:
# librdkafka and OpenSSL take minutes.
COPY Cargo.toml Cargo.lock ./
# A member of the workspace has to be there, and is not built.
COPY bench/Cargo.toml bench/
RUN mkdir -p src tests bench/src bench/benches \
 && echo 'fn main() {}' | tee src/main.rs tests/main.rs bench/src/main.rs bench/benches/micro.rs > src/lib.rs \
 && cargo build --release --locked \
 && rm -r src tests

COPY migrations migrations
COPY src src
# Cargo goes by time stamps, and a checkout may be older than the layer above.
RUN mkdir tests && touch tests/main.rs && find src -type f -exec touch {} + \
 && cargo build --release --locked --bin landfall

FROM debian:bookworm-slim
# For Kafka, Postgres and registries behind TLS.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /build/target/release/landfall /usr/local/bin/landfall

ENV LANDFALL_CONFIG=/etc/landfall/landfall.toml
# A number, so that Kubernetes can tell that it isn't root.
USER 65532:65532
EXPOSE 9464
STOPSIGNAL SIGTERM
# That it is alive, not that it is ready: waiting for Postgres is no reason to be restarted.
# Without curl; for another port than 9464, give a --health-cmd of your own.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9464 && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [[ $status == 200 ]]"]
ENTRYPOINT ["landfall"]
CMD ["run"]
