#!/bin/sh
set -eu
mkdir -p "$ROOT/boot" "$ROOT/etc" "$ROOT/proc" "$ROOT/sys" "$ROOT/dev" "$ROOT/tmp"
chmod 1777 "$ROOT/tmp"
echo "$HOST" > "$ROOT/etc/hostname"
echo "laid out by packer for $ARCH" > "$ROOT/etc/motd"
# stand-ins: a real recipe installs a kernel and makes an initrd
echo kernel > "$ROOT/boot/vmlinuz"
echo initrd > "$ROOT/boot/initrd"
echo console=ttyS0 > "$ROOT/boot/kernel-parameters"
