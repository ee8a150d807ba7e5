# shellcheck shell=bash disable=SC2034
# Where things are, and how we speak. Sourced by every script in dev/.

DEV=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
ROOT=$(dirname "$DEV")
STATE=${LANDFALL_STACK_DIR:-$ROOT/.stack}
CACHE=${LANDFALL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/landfall}
JAVA=${JAVA_HOME:+$JAVA_HOME/bin/}java
TIMEOUT=${LANDFALL_STACK_TIMEOUT:-120} # seconds that a part may take until it is ready

# shellcheck source=dev/versions.env
. "$DEV/versions.env"

# People read stderr; stdout is for what a caller may want to capture.
say() { printf '%s\n' "$*" >&2; }
die() {
  say "${0##*/}: $*"
  exit 1
}

# .stack/env is read by shells and by tests alike, so its values carry no quotes.
case $STATE$CACHE in
*[[:space:]]*) die "the paths of the state and of the cache must not contain spaces: '$STATE', '$CACHE'" ;;
esac

# hold_lock FILE WHAT: until the caller ends. Programs started meanwhile do not inherit it (run-detached).
hold_lock() {
  mkdir -p "$(dirname "$1")"
  exec {LOCK_FD}>"$1"
  flock --nonblock "$LOCK_FD" && return
  say "waiting for another process that $2"
  flock "$LOCK_FD"
}
