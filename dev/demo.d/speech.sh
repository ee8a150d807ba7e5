# shellcheck shell=bash
# shellcheck disable=SC2034
# How the demo speaks: a headline for each step, what goes on below it, and what to do when something fails.

if [[ -t 1 ]]; then BOLD=$'\e[1m' RED=$'\e[31m' GREEN=$'\e[32m' PLAIN=$'\e[0m'; else BOLD='' RED='' GREEN='' PLAIN=''; fi

step() { printf '\n%s%s%s\n' "$BOLD" "$*" "$PLAIN"; }

tell() { printf '  %s\n' "$*"; }

# fail WHAT [WHAT_TO_DO]
fail() {
  printf '\n%sdemo failed: %s%s\n' "$RED" "$1" "$PLAIN" >&2
  [[ -z ${2:-} ]] || say "$2"
  exit 1
}

# fail_with_log WHAT: where Landfall's own word matters.
fail_with_log() {
  say ""
  say "The end of $(shown "$DEMO/landfall.log"):"
  tail -n 20 "$DEMO/landfall.log" | sed 's/^/  /' >&2
  fail "$1" "Look at the whole log, mend what it names, and start again: make demo. dev/stack status tells whether all parts run."
}

# A path as one types it at the root of the repository.
shown() { echo "${1#"$ROOT"/}"; }

# 1234567 → 1,234,567
grouped() { sed ':next; s/\B[0-9]\{3\}\>/,&/; t next' <<<"$1"; }

seconds_since() { awk -v then="$1" -v now="$EPOCHREALTIME" 'BEGIN { printf "%.1f", now - then }'; }
