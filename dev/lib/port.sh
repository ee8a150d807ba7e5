# shellcheck shell=bash
# Ports: asked for, else remembered, else free. All of them are on 127.0.0.1.

port_taken() { (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Below the range from which the kernel takes ports for outgoing connections: one of those might
# otherwise sit on a remembered port while its server restarts.
port_free() {
  local port
  for port in $(shuf -i 20000-32000 -n 50); do
    port_taken "$port" || {
      echo "$port"
      return
    }
  done
  return 1
}

# port_choose FILE [WANTED]: prints the port and remembers it in FILE.
port_choose() {
  local file=$1 wanted=${2:-}
  mkdir -p "$(dirname "$file")"
  if [[ -n $wanted ]]; then
    echo "$wanted" >"$file"
  elif [[ ! -s $file ]]; then
    port_free >"$file"
  fi
  cat "$file"
}
