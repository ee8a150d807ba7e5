# shellcheck shell=bash
# shellcheck disable=SC2153
# The images that the Dockerfile begins with, under its names for them, without a registry to pull them from: Debian's
# packages, unpacked, and what an official image has besides. A name is looked up among the images that are here first.

BUILDAH=(buildah --root "$IMAGES/storage" --runroot "$IMAGES/run" --storage-driver "${LANDFALL_IMAGE_STORAGE:-overlay}")

# Whom Cargo trusts while building: over it, the machine's own file is mounted, where crates come by a way that others don't know.
MACHINE_AUTHORITIES=/usr/local/share/machine.pem

# The images that a Dockerfile begins with, but for those that it makes itself.
base_images() { sed -n 's/^FROM \([^ ]*\).*/\1/p' "$ROOT/Dockerfile" | grep --invert-match --line-regexp scratch; }

make_base_images() {
  local image
  for image in $(base_images); do
    "${BUILDAH[@]}" inspect --type image "localhost/$image" >/dev/null 2>&1 || make_base_image "$image"
  done
}

make_base_image() {
  local image=$1 root started=$SECONDS
  [[ $image =~ ^rust:([0-9.]+)-([a-z]+)$ ]] || die "the Dockerfile begins with $image, and here only rust:VERSION-SUITE can be made"
  local version=${BASH_REMATCH[1]} suite=${BASH_REMATCH[2]}
  say "making $image of Debian's packages and this machine's Rust, which takes some minutes"
  root=$(mktemp -d "$IMAGES/.root.XXXXXX")
  chmod 755 "$root"
  debootstrap --variant=minbase --include=ca-certificates,gcc,g++,libc6-dev,make,perl "$suite" "$root" >"$IMAGES/debootstrap.log" ||
    die "debootstrap failed: see $IMAGES/debootstrap.log"
  rm -f "$root"/var/cache/apt/archives/*.deb
  cp "$root/etc/ssl/certs/ca-certificates.crt" "$root$MACHINE_AUTHORITIES"
  add_rust "$root" "$version"
  import_root "$root" "$image"
  rm -rf "$root"
  say "made $image in $((SECONDS - started)) s"
}

# Where the official image has it, but for rustup, of which nothing is needed once a Rust is there.
add_rust() {
  local root=$1/usr/local version=$2 sysroot
  sysroot=$(PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin rustc --print sysroot)
  [[ $("$sysroot/bin/rustc" --version) == "rustc $version."* ]] || die "$sysroot isn't Rust $version"
  mkdir -p "$root/cargo/bin" "$root/rustup/toolchains/$version"
  cp -a "$sysroot/bin" "$sysroot/lib" "$root/rustup/toolchains/$version/"
  ln -s "/usr/local/rustup/toolchains/$version/bin/"{cargo,rustc} "$root/cargo/bin/"
}

import_root() {
  local container
  container=$("${BUILDAH[@]}" from scratch)
  cp -a "$1/." "$("${BUILDAH[@]}" mount "$container")/"
  "${BUILDAH[@]}" config --env PATH=/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    --env CARGO_HOME=/usr/local/cargo --env "CARGO_HTTP_CAINFO=$MACHINE_AUTHORITIES" "$container"
  "${BUILDAH[@]}" commit --quiet --rm "$container" "$2" >/dev/null
}
