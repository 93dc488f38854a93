#!/usr/bin/env bash
# Type-checks the session server for FreeBSD from another system, as far as this machine's toolchain can, and says how far.
#
#   deploy/freebsd/type-check.sh            protocol and relay, and the server with ring
#   deploy/freebsd/type-check.sh --link     also links the program; nothing runs it
#
# Needs the target's standard library (`rustup target add x86_64-unknown-freebsd`), or a compiler with its sources and
# `-Zbuild-std`; built browser parts (`cargo xtask build`); and, for ring and mimalloc, a C compiler that builds for
# FreeBSD: that in CC_x86_64_unknown_freebsd, or Zig's, which PyPI has (`pip install ziglang`; PYTHON names an interpreter
# that finds it). Ends with 0 when all was checked, 1 when something failed, 3 when something needed is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
target=x86_64-unknown-freebsd
python=${PYTHON:-python3}
link=false
case "${1:-}" in
  "") ;;
  --link) link=true ;;
  *) echo "usage: $0 [--link]" >&2; exit 3 ;;
esac

missing() {
  echo "NOT CHECKED: $1" >&2
  exit 3
}

extra=()
library="$(rustc --print sysroot)/lib/rustlib"
if [ -d "$library/$target" ]; then
  echo "standard library of $target: installed"
elif [ -f "$library/src/rust/library/std/Cargo.toml" ]; then
  echo "standard library of $target: built from its sources (-Zbuild-std)"
  export RUSTC_BOOTSTRAP=1
  extra=(-Zbuild-std)
else
  missing "neither the standard library of $target nor its sources are here: rustup target add $target, or rustup component add rust-src"
fi
[ -f browser/dist/viewer.html ] || missing "the server carries the viewer's page: build it first, cargo xtask build"

# rustc and cc name the target and its libraries in words of their own; what follows puts them into Zig's.
if [ -z "${CC_x86_64_unknown_freebsd:-}" ]; then
  "$python" -m ziglang version >/dev/null 2>&1 ||
    missing "no C compiler for $target: set CC_x86_64_unknown_freebsd, or pip install ziglang"
  tools=$(mktemp -d)
  trap 'rm -rf "$tools"' EXIT
  cat >"$tools/cc" <<EOF
#!/bin/sh
for word in "\$@"; do
  shift
  case "\$word" in
    --target=* | -target | $target) ;;
    # Named by the libc crate, in no use here, and not among Zig's stand-ins.
    -lkvm | -lmemstat | -lprocstat | -ldevstat) ;;
    *) set -- "\$@" "\$word" ;;
  esac
done
exec "$python" -m ziglang cc -target x86_64-freebsd "\$@"
EOF
  printf '#!/bin/sh\nexec "%s" -m ziglang ar "$@"\n' "$python" >"$tools/ar"
  chmod +x "$tools/cc" "$tools/ar"
  export CC_x86_64_unknown_freebsd="$tools/cc" AR_x86_64_unknown_freebsd="$tools/ar"
fi
export CARGO_TARGET_X86_64_UNKNOWN_FREEBSD_LINKER="${CARGO_TARGET_X86_64_UNKNOWN_FREEBSD_LINKER:-$CC_x86_64_unknown_freebsd}"
# A warning there is as much of a fault as here.
export RUSTFLAGS="${RUSTFLAGS:-} -D warnings"

status=0
try() {
  local what=$1
  shift
  if "$@"; then echo "checked: $what"; else echo "FAILED: $what" >&2; status=1; fi
}
try "protocol and relay" cargo check --target "$target" "${extra[@]}" -p cobrowse-protocol -p cobrowse-relay
server=(--target "$target" "${extra[@]}" -p cserver --no-default-features --features ring)
try "cserver with ring" cargo check "${server[@]}"
if $link; then try "cserver, linked" cargo build "${server[@]}"; fi
exit "$status"
