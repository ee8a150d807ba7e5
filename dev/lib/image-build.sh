# shellcheck shell=bash
# The Dockerfile, built by buildah: no engine, no daemon.

image_revision() { git -C "$ROOT" rev-parse --short HEAD; }

# What this machine needs to fetch crates, and no other has to have. What Cargo has fetched already isn't fetched again.
machine_volumes() {
  local home=${CARGO_HOME:-$HOME/.cargo} authorities=/etc/ssl/certs/ca-certificates.crt file
  mkdir -p "$home/registry"
  echo "--volume=$home/registry:/usr/local/cargo/registry"
  for file in config.toml credentials.toml; do
    [[ ! -e $home/$file ]] || echo "--volume=$home/$file:/usr/local/cargo/$file:ro"
  done
  [[ ! -e $authorities ]] || echo "--volume=$authorities:$MACHINE_AUTHORITIES:ro"
}

# build_image NAME [ARG …]: the very Dockerfile. With one time for all files, equal contents are an equal layer.
build_image() {
  local name=$1 volumes started=$SECONDS
  shift
  make_base_images
  mapfile -t volumes < <(machine_volumes)
  say "building $name, which takes minutes once anything has changed: $IMAGES/build.log"
  # In Docker's own format, since OCI's has no health check.
  nice "${BUILDAH[@]}" bud --isolation chroot --network host --pull-never --format docker --layers "${volumes[@]}" \
    --timestamp "$(git -C "$ROOT" log -1 --format=%ct)" --build-arg "LANDFALL_COMMIT=$(image_revision)" \
    --file "$ROOT/Dockerfile" --tag "$name" "$@" "$ROOT" >"$IMAGES/build.log" 2>&1 || {
    tail -n 30 "$IMAGES/build.log" >&2
    die "the image could not be built: see $IMAGES/build.log"
  }
  say "built in $((SECONDS - started)) s"
}

# All that an image says and has, but for what buildah notes of its own doing in Docker's format: the names of the
# containers and of the images in between, which are random.
image_digest() {
  "${BUILDAH[@]}" inspect --type image "$1" | jq --compact-output --sort-keys '.Docker
    | {architecture, os, created, rootfs, config: (.config | del(.Hostname)), history: [.history[] | del(.comment)]}' |
    sha256sum | cut -d ' ' -f 1
}

# Everything once more; what was kept of the first time stays, for the next build.
reproduce_image() {
  local first second before layer
  build_image landfall
  first=$(image_digest landfall)
  before=$("${BUILDAH[@]}" images --all --quiet --no-trunc | sort -u)
  build_image landfall-again --no-cache
  second=$(image_digest landfall-again)
  for layer in $("${BUILDAH[@]}" images --all --quiet --no-trunc | sort -u | comm -13 <(echo "$before") -); do
    "${BUILDAH[@]}" rmi --force "$layer" >/dev/null 2>&1 || true
  done
  [[ $first == "$second" ]] || die "two builds are two images: $first and $second"
  say "two builds are one image: $first"
}
