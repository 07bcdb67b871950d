# SPDX-License-Identifier: Apache-2.0
# The guest's root: a bookworm tree made from the machine's own mirror, as a read-only ext4 image.

readonly rootfs_suites=(bookworm bookworm-security)

rootfs_packages() { sed 's/#.*//' "$here/rootfs.packages" | xargs -n 1; }

# prepare_rootfs: sets rootfs, the image. Its folder is named by what goes into it.
prepare_rootfs() {
  local key dir
  key=$(cat <(rootfs_packages | sort) "$here/lib/rootfs.sh" "$here/lib/make-image" | sha256sum | cut -c 1-16)
  dir=$cache/rootfs/bookworm-$key
  rootfs=$dir/root.ext4
  if sealed "$dir"; then
    touch "$dir"
    return
  fi
  discard "$dir"
  need mmdebstrap mke2fs
  rm -rf "$dir.part"
  mkdir -p "$dir.part"
  build_rootfs "$dir.part"
  seal "$dir.part" root.ext4
  mv "$dir.part" "$dir"
  # Images of older package lists, 500 MB each: those that nobody used for a week.
  find "$cache/rootfs" -mindepth 1 -maxdepth 1 -mtime +7 -exec rm -rf {} +
}

build_rootfs() {
  local part=$1 packages=() suite
  mapfile -t packages < <(rootfs_packages)
  apt_profile rootfs "${rootfs_suites[@]}"
  apt_refresh rootfs || apt_failed rootfs "the packages of the guest"
  # libbcc_bpf is all that our programs need of libbpfcc, which would bring 100 MB of LLVM.
  apt_fetch rootfs "$part" "libbpfcc=$(apt_in rootfs apt-cache madison libbpfcc | awk 'NR == 1 { print $3 }')" ||
    apt_failed rootfs libbpfcc
  dpkg-deb --fsys-tarfile "$part"/libbpfcc_*.deb |
    tar -x -C "$part" --wildcards --strip-components=4 './usr/lib/*/libbcc_bpf.so.*'
  apt-config dump Acquire | grep -E '::Proxy|Check-Valid-Until|Check-Date|::Verify' >"$part/apt.conf" || true
  say "making the guest's root file system from ${#packages[@]} packages and what they need (1-2 minutes, once)"
  # The image is made from inside mmdebstrap, where files have their right owners without being root.
  chmod 777 "$part"
  mmdebstrap --quiet --variant=custom --mode="$( ((EUID)) && echo unshare || echo root)" \
    --include="$(IFS=,; printf '%s' "base-files,base-passwd,bash,coreutils,dash,debianutils,diffutils,findutils,grep,gzip,hostname,libc-bin,login,mawk,ncurses-base,sed,sysvinit-utils,tar,${packages[*]}")" \
    --aptopt="$part/apt.conf" --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook="cp $part/libbcc_bpf.so.* \"\$1/usr/lib/x86_64-linux-gnu/\" && chroot \"\$1\" ldconfig" \
    --customize-hook='mkdir -p "$1/idtrail" "$1/out" "$1/modules"; echo idtrail-vm >"$1/etc/hostname"; printf "127.0.0.1 localhost idtrail-vm\n" >"$1/etc/hosts"' \
    --customize-hook="$here/lib/make-image \"\$1\" $part/root.ext4" \
    bookworm /dev/null - <"$cache/apt/rootfs/sources.d/idtrail.sources" 2>"$part/log" || {
    tail -n 15 "$part/log" >&2
    die "mmdebstrap could not make the guest's root file system (its log: $part/log)"
  }
  rm -f "$part"/{libbpfcc_*.deb,libbcc_bpf.so.*,apt.conf}
  chmod 755 "$part"
}
