#!/usr/bin/env bash
# What Landfall needs of a Kafka with an authorizer, and no more, as kafka-acls grants it.
set -euo pipefail

usage() {
  cat >&2 <<'END'
deploy/kafka-acls.sh [OPTION …] -- KAFKA-ACLS-ARGUMENT …
    such as: deploy/kafka-acls.sh --topic shop.public.orders --worker User:landfall -- \
               --bootstrap-server kafka:9093 --command-config admin.properties

  --topic NAME        a topic of kafka.topics; may be given again
  --topic-prefix TEXT all topics whose names begin with it, for patterns; may be given again
  --group NAME        kafka.group, else landfall
  --letters NAME      dead_letter.topic, else GROUP.dlq; may be given again (route.dead_letter_topic)

  --worker PRINCIPAL    who runs `landfall run`, and `landfall check` for it
  --operator PRINCIPAL  who runs `landfall dlq replay`, `list` and `show`, and `landfall status`
  --reader PRINCIPAL    who runs `landfall status`

  --remove            takes all of it away again
  --dry-run           prints the statements and runs none

KAFKA_ACLS            the command, else kafka-acls, or kafka-acls.sh where that isn't there
END
  exit 2
}

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

topics=() letters=() worker='' operator='' reader='' group=landfall change=(--add) run=run_acls
while (($#)); do
  case $1 in
  --topic) topics+=(--topic "${2:?}" literal) && shift 2 ;;
  --topic-prefix) topics+=(--topic "${2:?}" prefixed) && shift 2 ;;
  --group) group=${2:?} && shift 2 ;;
  --letters) letters+=("${2:?}") && shift 2 ;;
  --worker) worker=${2:?} && shift 2 ;;
  --operator) operator=${2:?} && shift 2 ;;
  --reader) reader=${2:?} && shift 2 ;;
  --remove) change=(--remove --force) && shift ;;
  --dry-run) run=print_statement && shift ;;
  --)
    shift
    break
    ;;
  *) usage ;;
  esac
done
if ((${#topics[@]} == 0 || $# == 0)) || [[ -z $worker$operator$reader ]]; then usage; fi
((${#letters[@]})) || letters=("$group.dlq")

command=${KAFKA_ACLS:-}
if [[ -z $command ]]; then
  for command in kafka-acls kafka-acls.sh; do command -v "$command" >/dev/null && break; done
fi
# It may be a command with arguments.
read -ra command <<<"$command"
connection=("$@")

run_acls() { "${command[@]}" "${connection[@]}" "$@" || die "kafka-acls failed: $*"; }
print_statement() { printf '%q ' "${command[@]}" "${connection[@]}" "$@" && echo; }

# allow PRINCIPAL RESOURCE… -- OPERATION…
allow() {
  local principal=$1 resource=() operations=()
  shift
  [[ -n $principal ]] || return 0
  while [[ $1 != -- ]]; do resource+=("$1") && shift; done
  shift
  for operation in "$@"; do operations+=(--operation "$operation"); done
  "$run" "${change[@]}" --allow-principal "$principal" "${operations[@]}" "${resource[@]}"
}

# Read and Write bring Describe with them.
for ((at = 0; at < ${#topics[@]}; at += 3)); do
  topic=(--topic "${topics[at + 1]}" --resource-pattern-type "${topics[at + 2]}")
  # DescribeConfigs: `check` compares how long topics keep events with how long the ledger keeps their ids
  allow "$worker" "${topic[@]}" -- Read DescribeConfigs
  # a letter that was too large for its topic has no value there: the record itself is read
  allow "$operator" "${topic[@]}" -- Read
  allow "$reader" "${topic[@]}" -- Describe
done
allow "$worker" --group "$group" -- Read
# how far the group has come: for `status`
allow "$operator" --group "$group" -- Describe
allow "$reader" --group "$group" -- Describe
for topic in "${letters[@]}"; do
  # Create: `run` makes the topic where there is none
  allow "$worker" --topic "$topic" -- Write Create DescribeConfigs
  # Write: a letter that fails again is published again
  allow "$operator" --topic "$topic" -- Read Write
done
