# Everything there is to do with a clone. `make` alone tells.
.PHONY: help demo test bench stack stack-down build release fmt

help:
	@echo 'make demo        the whole way once: source Postgres -> Debezium -> Kafka -> Landfall -> destination, proven (ENCODING=avro: with a schema registry)'
	@echo 'make test        everything that CI runs: format, lints, scripts, all tests on the real stack'
	@echo 'make bench       Landfall beside the Debezium JDBC sink; WORKLOAD=avro ROUNDS=3 EVENTS=300000 for a part of it'
	@echo 'make stack       start the local Kafka, Connect, registry and Postgres (make stack-down ends them)'
	@echo 'make release     build target/release/landfall (make build: a quick, slower one)'
	@echo 'make fmt         format the code'

ENCODING ?= json
demo: release
	@LANDFALL_DEMO_ENCODING='$(ENCODING)' dev/demo

test:
	@dev/test

bench:
	@bench/run

stack:
	@dev/stack up

stack-down:
	@dev/stack down

build:
	@dev/prerequisites build
	cargo build --locked

release:
	@dev/prerequisites build
	cargo build --release --locked

fmt:
	cargo fmt --all
