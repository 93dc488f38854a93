#!/usr/bin/env bash
# Installs both packages in a throw-away copy of a clean Debian root, upgrades, goes back, removes and purges them.
#
#   tests/guest/clean-root.sh ROOT BEFORE NOW
#
# ROOT is what debootstrap made; BEFORE and NOW are folders with the packages of an earlier and of this release. ROOT stays as
# it is, and there is no network. What was seen is told in lines that begin with "proved: ". Needs root.
set -euo pipefail

root=$(realpath "$1")
before=$(realpath "$2")
now=$(realpath "$3")
[ "$(id -u)" = 0 ] || { echo "a root of its own needs root" >&2; exit 1; }
scratch=$(mktemp -d)
trap 'rmdir "$scratch"' EXIT

outside='
set -euo pipefail
root=$1 before=$2 now=$3 scratch=$4 inside=$5
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$scratch"
mkdir "$scratch/upper" "$scratch/work" "$scratch/root"
mount -t overlay -o "lowerdir=$root,upperdir=$scratch/upper,workdir=$scratch/work" overlay "$scratch/root"
cd "$scratch/root"
mkdir -p packages/before packages/now
mount --bind "$before" packages/before
mount --bind "$now" packages/now
mount -t proc proc proc
mount --bind /dev dev
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive HOME=/root chroot . bash -c "$inside"
'
inside='
set -euo pipefail
files() { find / -xdev \( -path /proc -o -path /dev -o -path /packages -o -path /var/lib/dpkg -o -path /var/log -o -path /var/cache \) -prune -o -print | sort; }
version() { dpkg-query --show --showformat "\${Version}\n" cobrowse-cserver cobrowse-webtier | sort -u; }
files > /packages.before

# No --force-depends here: what they depend on is met, or dpkg ends with an error.
dpkg --install /packages/before/*.deb
old=$(version)
echo "proved: dependencies are met: $(dpkg-query --show --showformat "\${Depends}" cobrowse-cserver)"
cserver --version
webtier --version
echo "proved: both programs find their libraries"
[ "$(dpkg --verify cobrowse-cserver cobrowse-webtier)" = "" ]
echo "proved: every file is as its package has it"
systemd-analyze verify --man=no cserver.service webtier.service 2>&1 | grep -E "cserver|webtier|cobrowse" && exit 1
echo "proved: systemd finds no fault in the units"
nft --check --file /etc/cobrowse/nftables.conf
echo "proved: the firewall is one that nft takes"
if cserver check --config /usr/share/doc/cobrowse-cserver/cserver.toml.example; then exit 1; fi

echo "# of the administrator" >> /etc/cobrowse/nftables.conf
touch /etc/cobrowse/tls/public.pem
dpkg --install /packages/now/*.deb
new=$(version)
[ "$old" != "$new" ]
grep -q "# of the administrator" /etc/cobrowse/nftables.conf
echo "proved: an upgrade from $old to $new keeps what the administrator changed"
dpkg --install /packages/before/*.deb
[ "$(version)" = "$old" ]
cserver --version
echo "proved: the earlier release goes back in its place"

dpkg --remove cobrowse-cserver cobrowse-webtier
[ ! -e /usr/bin/cserver ] && [ ! -e /usr/bin/webtier ]
grep -q "# of the administrator" /etc/cobrowse/nftables.conf
dpkg --purge cobrowse-cserver cobrowse-webtier
[ -e /etc/cobrowse/tls/public.pem ]
rm -r /etc/cobrowse
files > /packages.after
# The group stays, as Debian wants it: files of it may be left.
if ! left=$(diff /packages.before /packages.after | grep "^[<>]" | grep -v -E "^. (/packages\.|/etc/(group|gshadow|passwd|shadow)-?$|/etc/\.)"); then
  echo "proved: purged, they leave nothing but what the administrator made"
else
  echo "left over: $left"
  exit 1
fi
'
unshare --mount --pid --fork --uts --ipc --net --kill-child=SIGKILL \
  bash -c "$outside" outside "$root" "$before" "$now" "$scratch" "$inside"
