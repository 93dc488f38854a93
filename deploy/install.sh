#!/usr/bin/env bash
# Installs a server of this project on a Debian-like host with systemd. Run again, it changes only what differs.
#
#   deploy/install.sh cserver|webtier [--from FOLDER] [--root DIR] [--dry-run] [--back] [--no-firewall] [--no-sysctl] [--no-start]
#
#   --from FOLDER   where the built programs are (default: target/release)
#   --root DIR      install below DIR: for images and tests; nothing is started or loaded
#   --dry-run       say what would change, change nothing
#   --back          put the program before this one in its place again; once more, and the newer one is back
#
# Every change is told in a line. Configuration and certificates that are there stay as they are. Programs that are replaced
# are kept beside the new ones as NAME.previous. Units and the rest go back by this script of the release before.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
usage() { sed -n '2,13s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }
what="" from="$here/target/release" root="" dry=no back=no firewall=yes sysctl=yes start=yes
while [ $# -gt 0 ]; do
  case "$1" in
    cserver | webtier) what=$1; shift ;;
    --from) from=${2:?--from needs a folder}; shift 2 ;;
    --root) root=${2:?--root needs a folder}; shift 2 ;;
    --dry-run) dry=yes; shift ;;
    --back) back=yes; shift ;;
    --no-firewall) firewall=no; shift ;;
    --no-sysctl) sysctl=no; shift ;;
    --no-start) start=no; shift ;;
    -h | --help) usage; exit 0 ;;
    *) echo "install.sh: unknown word $1; --help says what there is" >&2; exit 2 ;;
  esac
done
[ -n "$what" ] || { usage >&2; exit 2; }
told=$(mktemp -d)
trap 'rm -rf "$told"' EXIT
if [ "$back" = yes ]; then
  [ -f "$root/usr/bin/$what.previous" ] || { echo "install.sh: there is no /usr/bin/$what.previous to go back to" >&2; exit 1; }
  cp -p "$root/usr/bin/$what.previous" "$told/$what"
  from=$told
fi
[ -x "$from/$what" ] || { echo "install.sh: $from/$what is not built: cargo build --release -p $what" >&2; exit 1; }
if [ "$dry" = no ] && [ -z "$root" ] && [ "$(id -u)" != 0 ]; then
  echo "install.sh: installing needs root; --dry-run does not" >&2
  exit 1
fi

changes=0 restart=no reload=no
tell() { changes=$((changes + 1)); if [ "$dry" = yes ]; then echo "would $*"; else echo "$*"; fi; }
act() { if [ "$dry" = no ]; then "$@"; fi; }

folder() { # path mode
  [ -d "$root$1" ] && return
  tell "make the folder $1"
  act install -d -m "$2" "$root$1"
}

put() { # from to mode
  if [ -f "$root$2" ] && cmp -s "$1" "$root$2"; then return 1; fi
  if [ -f "$root$2" ]; then tell "replace $2"; else tell "install $2"; fi
  # Moved into place: a program that runs keeps the file that it has.
  act install -D -m "$3" "$1" "$root$2.new"
  act mv "$root$2.new" "$root$2"
}

put_once() { # from to mode: the administrator's own, once it is there
  [ -e "$root$2" ] || put "$1" "$2" "$3"
}

# -- the program, and the one before it
if [ -f "$root/usr/bin/$what" ] && ! cmp -s "$from/$what" "$root/usr/bin/$what"; then
  tell "keep the program before this one as /usr/bin/$what.previous"
  act cp -p "$root/usr/bin/$what" "$root/usr/bin/$what.previous"
fi
put "$from/$what" "/usr/bin/$what" 0755 && restart=yes

# -- what the program says of itself
"$from/$what" manual > "$told/manual"
put "$told/manual" "/usr/share/man/man1/$what.1" 0644 || true
for shell in "bash /usr/share/bash-completion/completions/$what" "zsh /usr/share/zsh/vendor-completions/_$what" \
  "fish /usr/share/fish/vendor_completions.d/$what.fish"; do
  "$from/$what" completions "${shell%% *}" > "$told/completions"
  put "$told/completions" "${shell#* }" 0644 || true
done

# -- the service's root: folders for what its unit binds into it
base=/usr/lib/cobrowse/$what-root
for part in usr/bin usr/lib usr/lib64 etc/cobrowse proc sys dev run tmp var/tmp var/lib; do folder "$base/$part" 0755; done
for link in lib lib64; do
  if [ ! -L "$root$base/$link" ]; then
    tell "link $base/$link"
    act ln -s "usr/$link" "$root$base/$link"
  fi
done

# -- units
for unit in "$here/systemd/$what"*.service "$here/systemd/$what"*.socket; do
  put "$unit" "/usr/lib/systemd/system/$(basename "$unit")" 0644 && reload=yes
done
put "$here/deploy/refresh-credentials" "/usr/lib/cobrowse/$what-credentials" 0755 || true
put "$here/systemd/sysusers.d/cobrowse.conf" /usr/lib/sysusers.d/cobrowse.conf 0644 || true

# -- configuration
folder /etc/cobrowse 0755
folder /etc/cobrowse/tls 0700
put_once "$here/deploy/$what.toml.example" "/etc/cobrowse/$what.toml" 0644 || true
if [ "$what" = cserver ]; then
  if [ "$firewall" = yes ]; then
    folder /etc/cobrowse/nftables.d 0755
    put "$here/deploy/nftables.conf" /etc/cobrowse/nftables.conf 0755 || true
  fi
  if [ "$sysctl" = yes ]; then put "$here/deploy/60-cobrowse.conf" /etc/sysctl.d/60-cobrowse.conf 0644 || true; fi
fi
put "$here/deploy/audit-host" /usr/sbin/cobrowse-audit-host 0755 || true

# -- what runs
if [ "$dry" = no ] && [ -z "$root" ] && [ -d /run/systemd/system ]; then
  systemd-sysusers /usr/lib/sysusers.d/cobrowse.conf
  [ "$reload" = no ] || systemctl daemon-reload
  if [ "$start" = yes ]; then
    if "/usr/bin/$what" check --config "/etc/cobrowse/$what.toml"; then
      systemctl enable --now "$what.socket"
      # The sockets stay: who connects meanwhile waits for the new process, which follows once the old one has drained.
      if [ "$restart" = yes ] && systemctl is-active -q "$what.service"; then
        tell "restart $what.service: sessions move first"
        systemctl restart "$what.service"
      fi
    else
      echo "install.sh: /etc/cobrowse/$what.toml is not ready: fill it in, then \`systemctl enable --now $what.socket\`"
    fi
  fi
fi
if [ "$changes" = 0 ]; then echo "nothing to change"; fi
