# shellcheck shell=bash
# Real packages for tests of composing: apt in a private root, with the sources of this host's own mirror.

# shellcheck disable=SC2154 # lib.bash makes it
apt_dir=$scratch/apt
suite=trixie
# The site of the Debian archive that this host uses.
# shellcheck disable=SC2016 # apt fills it in
site=$(apt-get indextargets --format '$(ORIGIN) $(SITE)' | awk '$1 == "Debian" && $2 !~ /security/ {print $2; exit}')

private_apt() { # COMMAND ARG...: apt-get or apt-cache that knows nothing of this host's packages
    local command=$1
    shift
    "$command" -o Dir="$apt_dir" -o Dir::State::status="$apt_dir/status" -o APT::Architecture=amd64 -o APT::Architectures=amd64 \
        -o APT::Install-Recommends=false -o APT::Sandbox::User=root -o Debug::NoLocking=1 -o Acquire::Languages=none \
        -o Dir::Etc::sourcelist="$apt_dir/sources.list" -o Dir::Etc::trusted=/usr/share/keyrings/debian-archive-keyring.gpg -qq "$@"
}
apt_begin() {
    mkdir -p "$apt_dir"/{var/lib/apt/lists/partial,var/cache/apt/archives/partial,etc/apt/apt.conf.d,etc/apt/preferences.d}
    : >"$apt_dir/status"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site $suite main" >"$apt_dir/sources.list"
    private_apt apt-get update
}
essential() { # the names of essential packages
    private_apt apt-cache dumpavail | awk '/^Package: / {p = $2} /^Essential: yes/ {print p}' | sort -u
}
# package_list FILE PACKAGE...: download what apt-get install would, and write "NAME:ARCH SHA256 FILE" lines
package_list() {
    local out=$1 archives=$apt_dir/var/cache/apt/archives name file
    shift
    mkdir -p "$apt_dir/none/partial" # an empty archive directory: what is downloaded already is named as well
    private_apt apt-get install -y --print-uris -o Dir::Cache::archives="$apt_dir/none" "$@" | awk '{print $2}' | sort >"$out.names"
    private_apt apt-get install -y --download-only "$@" >/dev/null || return
    : >"$out"
    while read -r file; do
        name=${file%%_*}
        [ -e "$archives/$file" ] || return
        echo "$name:amd64 $(sha256sum "$archives/$file" | cut -d' ' -f1) $archives/$file" >>"$out"
    done <"$out.names"
    [ -s "$out" ]
}
