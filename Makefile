# Everything there is to do with a clone. `make` alone tells.
.PHONY: help demo test soak fuzz audit bench image image-test stack stack-down build release dist fmt

help:
	@echo 'make demo        the whole way once: source Postgres -> Debezium -> Kafka -> Landfall -> destination, proven (ENCODING=avro: with a schema registry)'
	@echo 'make test        everything that CI runs: format, lints, scripts, all tests on the real stack'
	@echo 'make soak        what takes minutes, or three brokers: random faults; SEEDS=3 MINUTES=30 FILTER=word for a part of it'
	@echo 'make fuzz        LLVM'"'"'s fuzzer on each parser of what others send; SECONDS_EACH=60 TARGET=avro for a part of it'
	@echo 'make audit       licences, sources, bans and advisories of the dependencies (deny.toml)'
	@echo 'make bench       Landfall beside the Debezium JDBC sink and Flink; WORKLOAD=avro ROUNDS=3 EVENTS=300000 for a part of it'
	@echo 'make image       the container image, built by buildah as root; make image-test runs it on the real stack'
	@echo 'make stack       start the local Kafka, Connect, registry and Postgres (make stack-down ends them)'
	@echo 'make release     build target/release/landfall, which brings its own OpenSSL (make build: a quick, slower one)'
	@echo 'make dist        what is released, in target/dist: a tarball, a Debian package, checksums; then it is tried'
	@echo 'make fmt         format the code'

ENCODING ?= json
demo:
	@LANDFALL_DEMO_ENCODING='$(ENCODING)' dev/demo

test:
	@dev/test

soak:
	@dev/soak $(FILTER)

fuzz:
	@dev/fuzz $(TARGET)

audit:
	@dev/audit

bench:
	@bench/run

image:
	@dev/image build

image-test:
	@dev/image test

stack:
	@dev/stack up

stack-down:
	@dev/stack down

build:
	@dev/prerequisites build
	dev/cargo build --locked

release: export LANDFALL_COMMIT = $(shell git rev-parse --short HEAD 2>/dev/null)
release:
	@dev/prerequisites build
	OPENSSL_NO_VENDOR=0 dev/cargo build --release --locked

dist:
	@dev/dist
	@dev/dist --check

fmt:
	dev/cargo fmt --all
