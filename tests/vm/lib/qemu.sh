# SPDX-License-Identifier: Apache-2.0
# QEMU from bookworm-backports with all its libraries, unpacked into the cache and run from there:
# nothing is installed on the machine, and the machine's own libraries do not matter.

prepare_qemu() {
  local package version sum file part
  read -r _ _ package version sum < <(lock_rows qemu)
  qemu_dir=$cache/qemu/${version#*:} # a colon would split the library path
  if sealed "$qemu_dir"; then return; fi
  discard "$qemu_dir"
  need dpkg-deb
  part=$qemu_dir.part
  rm -rf "$part"
  mkdir -p "$part/debs/partial"
  apt_profile qemu bookworm bookworm-security bookworm-backports
  say "downloading QEMU $version and its libraries (36 MB)"
  qemu_download "$part" "$package=$version" || {
    apt_refresh qemu || apt_failed qemu "$package $version"
    qemu_download "$part" "$package=$version"
  } || {
    warn "the mirror no longer has $package $version; using the newest of bookworm-backports"
    sum=
    qemu_download "$part" "$package" || apt_failed qemu "$package"
  }
  file=$(compgen -G "$part/debs/${package}_*.deb")
  if [[ -n $sum ]] && ! sha256sum --check --status <<<"$sum  $file"; then
    die "$package $version does not have the checksum in $lock_file; fix the lock file or the mirror"
  fi
  say "unpacking QEMU"
  for file in "$part"/debs/*.deb; do
    dpkg-deb --fsys-tarfile "$file" | tar -x -C "$part" --no-same-owner \
      --exclude='./usr/share/doc' --exclude='./usr/share/man' --exclude='./etc' --exclude='./var'
  done
  rm -rf "$part/debs"
  # Packages of bookworm put files both under / and /usr; one folder of libraries is enough.
  cp -a "$part"/lib/x86_64-linux-gnu/. "$part/usr/lib/x86_64-linux-gnu/"
  seal "$part" usr/bin/qemu-system-x86_64 $(cd "$part" && find usr/lib/x86_64-linux-gnu -maxdepth 1 -name '*.so*' -type f)
  mv "$part" "$qemu_dir"
}

qemu_download() { # PART PACKAGE[=VERSION]
  [[ -e $cache/apt/qemu/refreshed ]] || return 1
  apt_in qemu apt-get -y -qq install --no-install-recommends --download-only -t bookworm-backports \
    -o "Dir::Cache::archives=$1/debs" "$2" >>"$cache/apt/qemu/log"
}
