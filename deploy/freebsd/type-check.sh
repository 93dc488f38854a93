#!/usr/bin/env bash
# Type-checks the session server for FreeBSD from another system, as far as this machine's toolchain can, and says how far.
#
#   deploy/freebsd/type-check.sh
#
# Needs the target's standard library (`rustup target add x86_64-unknown-freebsd`), or a compiler with its sources and
# `-Zbuild-std` (RUSTC_BOOTSTRAP=1); and, for `ring`, a C compiler that can build for FreeBSD (CC_x86_64_unknown_freebsd).
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
target=x86_64-unknown-freebsd
sysroot=$(rustc --print sysroot)
extra=()
if [ -d "$sysroot/lib/rustlib/$target" ]; then
  echo "standard library of $target: installed"
elif [ -f "$sysroot/lib/rustlib/src/rust/library/std/Cargo.toml" ]; then
  echo "standard library of $target: built from its sources (-Zbuild-std)"
  export RUSTC_BOOTSTRAP=1
  extra=(-Zbuild-std)
else
  echo "NOT CHECKED: this compiler has neither the standard library of $target nor its sources." >&2
  echo "\`rustup target add $target\` brings the first, \`rustup component add rust-src\` the second." >&2
  exit 3
fi
# The machines without C first: what they need is Rust alone.
status=0
for package in cobrowse-protocol cobrowse-relay; do
  if cargo check --target "$target" "${extra[@]}" -p "$package"; then echo "checked: $package"; else status=1; fi
done
if cargo check --target "$target" "${extra[@]}" -p cserver --no-default-features --features ring; then
  echo "checked: cserver with ring"
else
  echo "NOT CHECKED: cserver; ring needs a C compiler for $target: set CC_x86_64_unknown_freebsd" >&2
  status=1
fi
exit "$status"
