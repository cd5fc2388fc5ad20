#!/usr/bin/env bash
# up.sh NUMBER FOLDER: starts a stand-in for a remote build node on this machine: a network namespace of its own
# (10.211.NUMBER.2) with its own /tmp, /root, /var/lib/ims-jobs, podman storage, boot id and sshd on port 22, where the key in
# FOLDER/authorized_keys logs in as root. FOLDER must not lie under /tmp. Needs root, iproute2, openssh-server, podman
# and runc. Prints the pid of the node's first process, which keeps its mounts.
set -euo pipefail
number=$1 folder=$2
name=ims-node-$number
here=$(cd "$(dirname "$0")" && pwd)

mkdir -p "$folder"/{tmp,containers,jobs}
chmod 1777 "$folder/tmp"
[ -f "$folder/hostkey" ] || ssh-keygen -q -t ed25519 -N '' -f "$folder/hostkey"
# this program may lie under /tmp, which a node has of its own
cp "$here/containers.conf" "$folder/"
cat /proc/sys/kernel/random/uuid >"$folder/boot_id"
cat >"$folder/sshd_config" <<CONFIG
Port 22
ListenAddress 10.211.$number.2
HostKey $folder/hostkey
PidFile none
AuthorizedKeysFile $folder/authorized_keys
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
MaxStartups 50
Subsystem sftp internal-sftp
SetEnv CONTAINERS_CONF=$folder/containers.conf
CONFIG

if ! [ -e "/run/netns/$name" ]; then
  ip netns add "$name"
  ip link add "ve-$name" type veth peer name eth0 netns "$name"
  ip addr add "10.211.$number.1/30" dev "ve-$name"
  ip link set "ve-$name" up
  ip -n "$name" addr add "10.211.$number.2/30" dev eth0
  ip -n "$name" link set eth0 up
  ip -n "$name" link set lo up
  ip -n "$name" route add default via "10.211.$number.1"
fi

# nsenter, not 'ip netns exec': that mounts /sys anew and loses the cgroups, which podman needs
setsid nsenter --net="/run/netns/$name" unshare --mount --uts --propagation private sh -ec '
  hostname "$2"
  mkdir -p /var/lib/containers /var/lib/ims-jobs /run/containers /run/libpod /run/netns /run/sshd
  mount --bind "$1/tmp" /tmp
  mount --bind "$1/containers" /var/lib/containers
  mount --bind "$1/jobs" /var/lib/ims-jobs
  mount --bind "$1/boot_id" /proc/sys/kernel/random/boot_id
  for own in /run/containers /run/libpod /run/netns; do mount -t tmpfs none "$own"; done
  # what a login of root does on this machine is not to be done in a node
  for own in /dev/shm /root; do mount -t tmpfs none "$own"; done
  mount --make-shared /run/netns
  while :; do /usr/sbin/sshd -D -e -f "$1/sshd_config" || sleep 1; done
' up.sh "$folder" "$name" </dev/null >"$folder/sshd.log" 2>&1 &
first=$!

for _ in $(seq 1 100); do
  if (exec 3<>"/dev/tcp/10.211.$number.2/22") 2>/dev/null; then
    echo "$first"
    exit 0
  fi
  sleep 0.1
done
echo "the node did not come up:" >&2
cat "$folder/sshd.log" >&2
exit 1
