# Everything there is to do with a clone. `make` alone tells.
.PHONY: help demo test bench stack stack-down build release fmt

help:
	@echo 'make demo        the whole way once: source Postgres -> Debezium -> Kafka -> Landfall -> destination, proven'
	@echo 'make test        everything that CI runs'
	@echo 'make stack       start the local Kafka, Connect, registry and Postgres (make stack-down ends them)'

demo: release
	@dev/demo

test:
	@dev/test

stack:
	@dev/stack up

stack-down:
	@dev/stack down

release:
	@dev/prerequisites build
	cargo build --release --locked
