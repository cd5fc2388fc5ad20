#!/bin/bash
# Runs chrooted in the image root after all packages and the overlay (root/) are in.
set -eux
kver=$(ls /lib/modules | sort -V | tail -n 1)
dracut --force "/boot/initrd-$kver" "$kver"
# IMS looks for boot/vmlinuz and boot/initrd (and boot/kernel-parameters)
ln -sf "vmlinuz-$kver" /boot/vmlinuz
ln -sf "initrd-$kver" /boot/initrd
chmod 644 "/boot/initrd-$kver"
case $(uname -m) in
  aarch64) console=ttyAMA0 ;;
  *)       console=ttyS0 ;;
esac
echo "console=$console,115200" > /boot/kernel-parameters

# Debian's own hook back for later customization
rm /etc/kernel/postinst.d/dracut
dpkg-divert --local --rename --remove /etc/kernel/postinst.d/dracut

systemctl enable ims-greeting.service
echo debian-minimal > /etc/hostname
rm -rf /var/cache/apt/archives/*.deb /var/lib/apt/lists/*
exit 0
