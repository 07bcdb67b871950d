# SPDX-License-Identifier: Apache-2.0
# From a line of kernels.lock to a folder in the cache: vmlinux, initrd, modules/, release.

readonly lock_file=${IDTRAIL_KERNELS_LOCK:-$here/kernels.lock}
# What the initramfs loads to reach the root file system; the rest comes from the modules share.
readonly boot_modules=(virtio_pci virtio_blk ext4 overlay 9p 9pnet_virtio)
# The drivers worth keeping: a test guest has no hardware, but it has containers.
readonly kept_drivers='/drivers/(virtio|char|block/(loop|virtio_blk)|net/(veth|dummy|tun|tap|macvlan|ifb|vrf|vxlan|virtio_net|net_failover))'

lock_rows() { awk -v series="$1" '$1 == series' "$lock_file"; }

# newest_of SERIES SUITE PACKAGE: "PACKAGE VERSION" of the newest package of that kind and series.
newest_of() {
  local pattern
  if [[ $1 == qemu ]]; then
    pattern="^$3\$"
  else
    pattern="^${3%%-[0-9]*}-${1%.x}[.][0-9][0-9a-z.+~-]*-amd64\$"
    pattern=${pattern//+/\\+}
    pattern=${pattern/\\+~-/+~-}
  fi
  apt_in "$2" apt-cache pkgnames "${3%%-[0-9]*}" | grep -E "$pattern" | grep -v -E -- '-(cloud|rt|unsigned)-' |
    while read -r package; do
      apt_in "$2" apt-cache madison "$package" |
        awk -F' *[|] *' -v suite=" $2/" 'index($3, suite) { sub(/^ */, "", $1); print $1, $2 }'
    done | sort -k2,2V | tail -n 1
}

# fetch_locked SERIES DIR: the packages of SERIES into DIR, checked against the lock; sets
# fetched_version. Where the mirror has moved on, the newest that apt vouches for.
fetch_locked() {
  local series=$1 dir=$2 suite package version sum file
  fetched_version=
  while read -r _ suite package version sum; do
    file=$(compgen -G "$dir/${package}_*.deb" || true)
    if [[ -z $file ]] || ! sha256sum --check --status <<<"$sum  $file"; then
      rm -f "$dir/${package}"_*.deb
      apt_profile "$suite" "$suite"
      say "downloading $package $version ($suite)"
      if ! apt_fetch "$suite" "$dir" "$package=$version"; then
        local newest
        newest=$(newest_of "$series" "$suite" "$package")
        [[ -n $newest ]] || die "suite $suite of the mirror has no $package for series $series at all; put one that exists into $lock_file"
        warn "the mirror no longer has $package $version; using ${newest/ / }, the newest of series $series"
        warn "put it into ${lock_file##*/} to make that permanent"
        read -r package version <<<"$newest"
        sum=
        apt_fetch "$suite" "$dir" "$package=$version" || apt_failed "$suite" "$package $version"
      fi
      file=$(compgen -G "$dir/${package}_*.deb")
      if [[ -n $sum ]] && ! sha256sum --check --status <<<"$sum  $file"; then
        rm -f "$file"
        die "$package $version does not have the checksum in $lock_file; fix the lock file or the mirror"
      fi
    fi
    fetched_version=${fetched_version:-$version}
  done < <(lock_rows "$series")
}

# The bzImage holds a compressed ELF; QEMU starts that one directly (PVH), in half the time.
extract_vmlinux() {
  local image=$1 out=$2 magic tool offset
  while read -r magic tool; do
    while read -r offset; do
      tail -c "+$((offset + 1))" "$image" | $tool >"$out" 2>/dev/null || true
      if [[ $(head -c 4 "$out" | od -An -tx1) == ' 7f 45 4c 46' ]]; then return 0; fi
    done < <(LC_ALL=C grep -aobP "$magic" "$image" | cut -d: -f1)
  done <<'MAGIC'
\xfd7zXZ\x00 xz -dcq
\x28\xb5\x2f\xfd zstd -dcq
\x1f\x8b\x08 gzip -dcq
\x02\x21\x4c\x18 lz4 -dcq
MAGIC
  die "no ELF kernel found in $image"
}

# make_initrd TREE RELEASE ROOT: busybox, and the modules in the order of their dependencies, decompressed.
make_initrd() {
  local tree=$1 release=$2 root=$3 module paths path name
  mkdir -p "$root"/{bin,modules}
  cp "$(command -v busybox)" "$root/bin/busybox"
  paths=$(for module in "${boot_modules[@]}"; do
    modprobe -d "$tree" -S "$release" --show-depends "$module"
  done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }')
  while read -r path; do
    name=${path##*/}
    name=${name%%.ko*}.ko
    case $path in
      *.xz) xz -dc "$path" ;;
      *.zst) zstd -dcq "$path" ;;
      *) cat "$path" ;;
    esac >"$root/modules/$name"
    printf '%s\n' "$name" >>"$root/modules/order"
  done <<<"$paths"
  (cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc --quiet -R 0:0)
}

# unpack_kernel DIR DEB…: fills DIR and seals it.
unpack_kernel() {
  local dir=$1 part=$1.part tree=$1.part/tree deb release files
  shift
  say "unpacking ${dir##*/}"
  rm -rf "$part"
  mkdir -p "$tree/lib"
  for deb; do
    dpkg-deb --fsys-tarfile "$deb" |
      tar -x -C "$tree" --no-same-owner --exclude='./usr/share' --exclude='*/drivers/gpu' --exclude='*/sound'
  done
  # From 6.12 on everything is below /usr.
  if [[ -d $tree/usr/lib/modules ]]; then mv "$tree/usr/lib/modules" "$tree/lib/modules"; fi
  release=$(ls "$tree/lib/modules")
  find "$tree/lib/modules/$release/kernel/drivers" -type f -regextype posix-extended \
    ! -regex ".*$kept_drivers.*" -delete
  find "$tree/lib/modules" \( -type d -empty -o -type l \) -delete
  depmod -b "$tree" "$release"
  extract_vmlinux "$(find "$tree" -name 'vmlinuz*' -type f)" "$part/vmlinux"
  make_initrd "$tree" "$release" "$part/initrd-tree" >"$part/initrd"
  mv "$tree/lib/modules/$release" "$part/modules"
  rm -rf "$tree" "$part/initrd-tree" "$part"/modules/vmlinuz*
  mapfile -t files < <(cd "$part" && find . -type f | LC_ALL=C sort)
  seal "$part" "${files[@]}"
  mv "$part" "$dir"
}

# prepare_kernel SERIES: sets kernel_dir, a sealed folder for the locked version or its stand-in.
prepare_kernel() {
  local series=$1 version stand_in
  version=$(lock_rows "$series" | awk 'NR == 1 { print $4 }')
  [[ -n $version ]] || die "no kernel series '$series' in $lock_file; it has: $(awk '!/^#|^qemu|^$/ { print $1 }' "$lock_file" | uniq | xargs)"
  kernel_dir=$cache/kernels/$series-$version
  stand_in=$kernel_dir.stand-in
  if [[ -n $(find "$stand_in" -mtime -1 2>/dev/null || true) ]]; then
    warn "the mirror no longer has $series $version; using $(<"$stand_in")"
    kernel_dir=$cache/kernels/$series-$(<"$stand_in")
  fi
  if sealed "$kernel_dir"; then return; fi
  discard "$kernel_dir"
  need dpkg-deb cpio depmod modprobe xz zstd busybox
  local debs=$cache/debs/${kernel_dir##*/}
  if [[ ! -e $stand_in ]]; then debs=$cache/debs/$series-$version; fi
  fetch_locked "$series" "$debs"
  if [[ $fetched_version != "$version" ]]; then
    printf '%s\n' "$fetched_version" >"$stand_in"
    kernel_dir=$cache/kernels/$series-$fetched_version
    if sealed "$kernel_dir"; then return; fi
    rm -rf "$kernel_dir"
  fi
  unpack_kernel "$kernel_dir" "$debs"/*.deb
}
