# shellcheck shell=bash
# What is in the image: as little as can be, and each crate of it told.

LIMIT=40000000 # bytes, unpacked

# in_image COMMAND …: with its files at $MOUNTED
in_image() {
  local container code=0
  container=$("${BUILDAH[@]}" from --pull-never localhost/landfall)
  MOUNTED=$("${BUILDAH[@]}" mount "$container")
  "$@" || code=$?
  "${BUILDAH[@]}" rm "$container" >/dev/null
  return "$code"
}

show_image() {
  say "image landfall: $(in_image image_size | numfmt --to=si --suffix=B) unpacked, contents $(image_digest landfall)"
}

image_size() { du --summarize --bytes "$MOUNTED" | cut -f 1; }

image_files() { (cd "$MOUNTED" && find . ! -type d -printf '/%P\n' | sort); }

check_contents() {
  local size more
  size=$(in_image image_size)
  ((size < LIMIT)) || die "the image is too large: $size bytes"
  # Beside what it is for: libraries that the binary loads, and what loads them.
  more=$(in_image image_files | grep --invert-match --line-regexp --extended-regexp \
    '/usr/local/bin/landfall|/etc/passwd|/etc/ssl/certs/ca-certificates.crt|/lib(64)?/([^/]+/)?(ld-linux-.*|lib(c|m|gcc_s|dl|pthread|rt)\.so\.[0-9]+)' || true)
  [[ -z $more ]] || die "more is in the image than need be: $more"
}

check_labels() {
  local labels version
  labels=$("${BUILDAH[@]}" inspect --type image landfall | jq --compact-output .Docker.config.Labels)
  version=$(sed -n '0,/^version = /s/^version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml")
  jq --exit-status --arg version "$version" --arg revision "$(image_revision)" \
    '.["org.opencontainers.image.version"] == $version and .["org.opencontainers.image.revision"] == $revision' <<<"$labels" >/dev/null ||
    die "the labels are wrong: $labels"
}

# The list that cargo-auditable has put into the binary.
components() {
  local section
  section=$(mktemp)
  objcopy --dump-section ".dep-v0=$section" "$MOUNTED/usr/local/bin/landfall" /dev/null
  perl -MCompress::Zlib -0777 -ne 'print uncompress($_)' "$section"
  rm "$section"
}

as_cyclonedx() {
  jq 'def component($type): {type: $type, name, version, purl: "pkg:cargo/\(.name)@\(.version)"};
    {bomFormat: "CycloneDX", specVersion: "1.5", version: 1,
     metadata: {component: (.packages[] | select(.root) | component("application"))},
     components: [.packages[] | select(.root | not) | component("library") + {scope: (if .kind == "build" then "excluded" else "required" end)}]}'
}

# It names all that Cargo links, OpenSSL and librdkafka among it, and nothing that Cargo.lock hasn't.
check_components() {
  local listed linked locked crate
  listed=$(in_image components | jq --raw-output '.packages[] | "\(.name) \(.version)"' | sort -u)
  linked=$("$DEV/cargo" tree --locked --package landfall --edges normal --prefix none --format '{p}' |
    sed 's/^\([^ ]*\) v\([^ ]*\).*/\1 \2/' | sort -u)
  locked=$(sed -n '/^name = /{s/^name = "\(.*\)"/\1/;N;s/\nversion = "\(.*\)"/ \1/p}' "$ROOT/Cargo.lock" | sort -u)
  [[ -z $(comm -13 <(echo "$listed") <(echo "$linked")) ]] ||
    die "the binary's list leaves out crates: $(comm -13 <(echo "$listed") <(echo "$linked"))"
  [[ -z $(comm -23 <(echo "$listed") <(echo "$locked")) ]] ||
    die "the binary lists crates that Cargo.lock hasn't: $(comm -23 <(echo "$listed") <(echo "$locked"))"
  for crate in openssl-src rdkafka-sys; do
    grep --quiet "^$crate " <<<"$listed" || die "the binary's list is without $crate"
  done
  say "its binary lists $(wc -l <<<"$listed") crates: the $(wc -l <<<"$linked") that Cargo links, and what built them"
}
