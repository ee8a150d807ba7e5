# docker build --build-arg LANDFALL_COMMIT="$(git rev-parse --short HEAD)" -t landfall .
# docker run --rm --read-only -v "$PWD/landfall.toml:/etc/landfall/landfall.toml:ro" -p 127.0.0.1:9464:9464 landfall
#
# To reach the page and /metrics from outside, the configuration needs http.listen = "0.0.0.0:9464", and http.token_file
# unless whoever reaches the port may see names of tables and topics. There is no shell in the image: what
# a …_command of the configuration runs has to be brought by an image of your own, FROM this one.

# As old as Cargo.toml's rust-version. The image gets the libc of this stage.
FROM rust:1.95-bookworm AS build
WORKDIR /build
# Half the size. A panic names its file and line without it.
ENV CARGO_PROFILE_RELEASE_DEBUG=none
# An OpenSSL of its own, compiled in: the image that it runs in need not have one.
ENV OPENSSL_NO_VENDOR=0
# Puts into the binary what it is made of, where scanners of images look for it.
RUN cargo install cargo-auditable --version 0.7.7 --locked

# What is compiled says no other time than this.
ARG SOURCE_DATE_EPOCH=0
# The dependencies are a layer of their own, kept until Cargo.toml or Cargo.lock change:
# librdkafka and OpenSSL take minutes.
COPY Cargo.toml Cargo.lock ./
# Members of the workspace have to be there, and are not built.
COPY bench/Cargo.toml bench/
COPY fuzz/Cargo.toml fuzz/
RUN mkdir -p src tests bench/src bench/benches fuzz/src \
 && echo 'fn main() {}' | tee src/main.rs tests/main.rs bench/src/main.rs bench/benches/micro.rs fuzz/src/main.rs > src/lib.rs \
 && cargo auditable build --release --locked \
 && rm -r src tests

COPY migrations migrations
COPY src src
ARG LANDFALL_COMMIT=
# Cargo goes by time stamps, and a checkout may be older than the layer above.
RUN mkdir tests && touch tests/main.rs && find src -type f -exec touch {} + \
 && cargo auditable build --release --locked --bin landfall

# All that will be in the image: the binary with what it loads, at the paths where it looks for them; the
# authorities that Kafka, Postgres and registries behind TLS are trusted by; a name for the user.
RUN install -D target/release/landfall /image/usr/local/bin/landfall \
 && ldd target/release/landfall | grep --only-matching '/[^ ]*' \
  | xargs cp --parents --dereference --target-directory=/image /etc/ssl/certs/ca-certificates.crt \
 && echo 'landfall:x:65532:65532::/:/nonexistent' > /image/etc/passwd

FROM scratch
COPY --from=build /image /

ARG LANDFALL_COMMIT=
LABEL org.opencontainers.image.title="Landfall" \
      org.opencontainers.image.description="Lands Kafka change events in Postgres, each exactly once" \
      org.opencontainers.image.version="0.2.0" \
      org.opencontainers.image.revision="$LANDFALL_COMMIT" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/usr/local/bin
ENV LANDFALL_CONFIG=/etc/landfall/landfall.toml
# A number, so that Kubernetes can tell that it isn't root.
USER 65532:65532
EXPOSE 9464
STOPSIGNAL SIGTERM
# That it is alive, not that it is ready: waiting for Postgres is no reason to be restarted.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["landfall", "health"]
ENTRYPOINT ["landfall"]
CMD ["run"]
