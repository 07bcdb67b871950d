# SPDX-License-Identifier: Apache-2.0
# Debian packages of any suite, through an apt configuration of our own in the cache.
# The machine's sources are read (which mirror, which keyring) and never changed; its proxies and
# credentials still apply, since apt reads the configuration given with -c after its own.

# Prints "KIND URI KEYRING" for each Debian source of this machine; KIND is main or security.
machine_sources() {
  local root=${IDTRAIL_APT_ETC:-/etc/apt}
  local file files=()
  for file in "$root"/sources.list "$root"/sources.list.d/*.{list,sources}; do
    if [[ -f $file ]]; then files+=("$file"); fi
  done
  ((${#files[@]})) || return 0
  awk '
      function emit(uri, suites, key,   n, s, i, kind) {
        n = split(suites, s, /[ \t]+/)
        for (i = 1; i <= n; i++) {
          if (s[i] !~ /^(bullseye|bookworm|trixie|forky|sid|(old)*stable|testing|unstable)([-\/][a-z-]+)?$/) continue
          kind = s[i] ~ /[-\/]security$|\/updates$/ ? "security" : "main"
          print kind, uri, (key ~ /^\// ? key : "-")
        }
      }
      function flush() {
        if (types ~ /(^| )deb( |$)/ && enabled != "no") emit(uris, suites, key)
        types = uris = suites = key = enabled = ""
      }
      FNR == 1 { flush() }
      FILENAME ~ /\.list$/ {
        if ($1 != "deb") next
        line = $0; opts = ""
        if (match(line, /\[[^]]*\]/)) { opts = substr(line, RSTART, RLENGTH); sub(/\[[^]]*\]/, "", line) }
        split(line, f)
        k = match(opts, /signed-by=[^] \t]+/) ? substr(opts, RSTART + 10, RLENGTH - 10) : ""
        emit(f[2], f[3], k)
        next
      }
      /^#/ { next }
      /^[ \t]*$/ { flush(); next }
      { name = tolower($1); value = $0; sub(/^[^:]*:[ \t]*/, "", value) }
      name == "types:" { types = value }
      name == "uris:" { split(value, u); uris = u[1] }
      name == "suites:" { suites = value }
      name == "signed-by:" { key = value }
      name == "enabled:" { enabled = tolower(value) }
      END { flush() }' "${files[@]}"
}

# source_for SUITE: one deb822 paragraph for SUITE on this machine's mirror.
source_for() {
  local suite=$1 kind=main sources found uri key
  if [[ $suite == *-security ]]; then kind=security; fi
  sources=$(machine_sources)
  found=$(awk -v kind="$kind" '$1 == kind && !n++' <<<"$sources")
  if [[ -z $found && $kind == security ]]; then
    # Mirrors carry both archives side by side.
    found=$(awk '$1 == "main" && !n++ { sub(/\/$/, "", $2); $2 = $2 "-security"; print }' <<<"$sources")
  fi
  [[ -n $found ]] || die "no Debian mirror found in /etc/apt/sources.list or /etc/apt/sources.list.d; add one for this machine's own release"
  read -r _ uri key <<<"$found"
  if [[ $key == - ]]; then key=/usr/share/keyrings/debian-archive-keyring.gpg; fi
  printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n' "$uri" "$suite"
  if [[ -e $key ]]; then printf 'Signed-By: %s\n' "$key"; fi
  printf '\n'
}

# apt_profile NAME SUITE…: (re)writes the configuration $cache/apt/NAME/apt.conf for these suites.
apt_profile() {
  local dir=$cache/apt/$1 suite sources=''
  shift
  for suite in "$@"; do sources+=$(source_for "$suite")$'\n\n'; done
  mkdir -p "$dir"/{state/lists/partial,cache/archives/partial,sources.d}
  : >"$dir/state/status"
  printf '%s' "$sources" >"$dir/sources.d/idtrail.sources"
  cat >"$dir/apt.conf" <<CONF
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$dir/sources.d";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "$dir/state";
Dir::State::status "$dir/state/status";
Dir::State::lists "$dir/state/lists";
Dir::Cache "$dir/cache";
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
CONF
}

# apt_in NAME TOOL ARG…: apt-get, apt-cache with that profile. What apt says goes to its log.
apt_in() {
  local profile=$1 tool=$2
  shift 2
  "$tool" -c "$cache/apt/$profile/apt.conf" "$@" 2>>"$cache/apt/$profile/log"
}

apt_refresh() {
  local profile=$1
  say "reading the package lists of $profile"
  : >"$cache/apt/$profile/log"
  apt_in "$profile" apt-get -qq update >&2 || return 1
  touch "$cache/apt/$profile/refreshed"
}

# The last lines of what apt said, for the one error message.
apt_why() { grep -E '^[EW]:' "$cache/apt/$1/log" 2>/dev/null | tail -n 3 | sed 's/^/  /' || true; }

apt_failed() { # PROFILE WHAT
  die "cannot fetch $2
$(apt_why "$1")
  tried: apt-get update and download with $cache/apt/$1/apt.conf (this machine's mirror, suite ${1})
  do: check the network or proxy of apt (\`apt-get update\` must work), then run again; or copy the
      folder $cache from a machine that has it (IDTRAIL_CACHE names another place)"
}

# apt_fetch PROFILE DIR PACKAGE=VERSION…: downloads into DIR; false if the mirror has no such version.
# Lists are refreshed at most once, and only when they are missing or do not know the version.
apt_fetch() {
  local profile=$1 dir=$2
  shift 2
  mkdir -p "$dir"
  if [[ -e $cache/apt/$profile/refreshed ]] && (cd "$dir" && apt_in "$profile" apt-get -qq download "$@" >&2); then
    return 0
  fi
  apt_refresh "$profile" || apt_failed "$profile" "$*"
  local wanted
  for wanted in "$@"; do
    apt_in "$profile" apt-cache madison "${wanted%%=*}" | awk -F' *[|] *' '{ print $2 }' |
      grep -q -x -F -- "${wanted#*=}" || return 1
  done
  (cd "$dir" && apt_in "$profile" apt-get -qq download "$@" >&2) || apt_failed "$profile" "$*"
}
