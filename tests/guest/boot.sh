#!/usr/bin/env bash
# Boots this machine's systemd as the first process of namespaces of its own, over a throw-away copy of this machine's files.
#
#   tests/guest/boot.sh FILES OUT
#
# FILES is laid over the copy; OUT is /out in it. The guest reaches no network, and nothing that it writes stays but what is
# in OUT. It ends when its unit guest.target says so, or with this script. Needs root and the second version of cgroups.
set -euo pipefail

files=$(realpath "$1")
out=$(realpath "$2")
cgroups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
[ -n "$cgroups" ] || { echo "no cgroup2 is mounted: mount -t cgroup2 cgroup2 /sys/fs/cgroup" >&2; exit 1; }
[ "$(id -u)" = 0 ] || { echo "namespaces with a service manager need root" >&2; exit 1; }

ours="$cgroups/cobrowse-guest.$$"
mkdir "$ours"
mkdir "$ours/inside"
scratch=$(mktemp -d)
end() {
  # Whatever is left of the guest ends with its group.
  echo 1 > "$ours/cgroup.kill" 2>/dev/null || true
  for _ in $(seq 100); do
    find "$ours" -depth -type d -exec rmdir {} + 2>/dev/null && break
    sleep 0.05
  done
  rmdir "$scratch" 2>/dev/null || true
}
trap end EXIT

# The group is left for a process of the guest alone: it becomes the root of the guest's groups.
inside='
set -euo pipefail
files=$1 out=$2 scratch=$3
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$scratch"
mkdir "$scratch/upper" "$scratch/work" "$scratch/root"
cp -a "$files/." "$scratch/upper/"
mount -t overlay -o "lowerdir=/,upperdir=$scratch/upper,workdir=$scratch/work" overlay "$scratch/root"
cd "$scratch/root"
mkdir -p out proc sys dev run tmp
mount --bind "$out" out
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
  touch "dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/shm dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
# What the manager and what it starts tell the kernel goes to a file: several write, so by a pipe.
mkfifo dev/kmsg
cat <> dev/kmsg > out/manager.log &
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
umount -R sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 cgroup2 sys/fs/cgroup
ip link set lo up
# Not chroot: who is in one can make no user namespace, and the services want theirs.
mkdir old
pivot_root . old
umount -l old
# A manager in a container expects this of whoever starts it: what it mounts for a service must reach the service.
mount --make-rshared /
exec env -i container=cobrowse PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --system --unit=guest.target --log-target=kmsg --show-status=no
'
bash -c 'echo $$ > "$1/cgroup.procs"; shift; exec "$@"' join "$ours/inside" \
  unshare --mount --pid --fork --uts --ipc --net --cgroup --kill-child=SIGKILL \
  bash -c "$inside" inside "$files" "$out" "$scratch"
