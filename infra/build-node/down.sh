#!/usr/bin/env bash
# down.sh NUMBER FOLDER: ends a stand-in node as if its power went: sshd, containers, everything. With "remove" as third
# word its network and its folder go too.
set -uo pipefail
number=$1 folder=$2
name=ims-node-$number
for _ in $(seq 1 50); do
  pids=$(ip netns pids "$name" 2>/dev/null)
  [ -n "$pids" ] || break
  # shellcheck disable=SC2086 # a list
  kill -KILL $pids 2>/dev/null
  sleep 0.1
done
[ "${3:-}" = remove ] || exit 0
ip link del "ve-$name" 2>/dev/null
ip netns del "$name" 2>/dev/null
chattr -R -f -i "$folder/jobs" 2>/dev/null
rm -rf --one-file-system "$folder"
