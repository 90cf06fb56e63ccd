#!/usr/bin/env bash
# make install and make uninstall: what is installed works from anywhere, and finds its data where it was told.
# level: check
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
cd "$repo" || exit 1
command -v scdoc >/dev/null || {
    skip 'make install' 'needs scdoc'
    exit
}

# Another prefix makes one file and the program anew: in a copy, as the other tests use the build directory.
mkdir "$scratch/b"
for f in builder gen libkiln.a kiln kiln.bash; do cp -a "$build/$f" "$scratch/b/"; done
prefix=$scratch/opt
run_make() { make -s CC="${CC:-cc}" B="$scratch/b" prefix="$prefix" "$@"; }
check 'make install' run_make install
same 'kiln is where prefix says' "$("$kiln" --version)" "$("$prefix/bin/kiln" --version)"
same 'completion' "$(cat "$build/kiln.bash")" "$(cat "$prefix/share/bash-completion/completions/kiln")"
for page in docs/man/*.scd; do
    page=$(basename "$page" .scd)
    check "page $page" grep -q '^\.TH' "$prefix/share/man/man${page##*.}/$page"
done
same 'the sources of the programs of the appliance' "$(cd builder && find base target -type f | sort)" "$(cd "$prefix/share/kiln/builder" && find . -type f | sed 's/^..//' | sort)"
same 'a program stays one' "$(find -L overlays -perm -100 -type f | sort)" "$(cd "$prefix/share/kiln" && find overlays -perm -100 -type f | sort)"

mkdir "$scratch/site"
cd "$scratch/site" || exit 1
unset KILN_DATA
for profile in "$repo"/profiles/*.yaml; do
    name=$(basename "$profile" .yaml)
    same "kiln plan $name, by name" "$(KILN_DATA=$repo "$kiln" plan "$name" --json)" "$("$prefix/bin/kiln" plan "$name" --json)"
done
refused 'a name that is near' 2 "kiln: error: there is no profile 'coer'
kiln: hint: did you mean 'core'?" "$prefix/bin/kiln" plan coer
echo x >core.lock
refused 'the lock of an installed profile is in the working directory' 5 "kiln: error: core.lock:1:1: '[' or '{' expected near 'x'
kiln: hint: repair it, or remove it and let \"kiln lock core\" make a new one" "$prefix/bin/kiln" fetch core --offline --cache "$scratch/cache"
same 'kiln new' my-site.yaml "$("$prefix/bin/kiln" new my-site)"
check 'which can be planned' "$prefix/bin/kiln" plan my-site.yaml
truncate -s 4M nothing.raw
echo 'label: gpt' | sfdisk -q nothing.raw
refused 'a scenario that is near: they are installed' 1 'kiln: error: test: unknown scenario "first-boat"
kiln: hint: did you mean '"'first-boot'?" "$prefix/bin/kiln" test nothing.raw --scenario first-boat --cache "$scratch/cache"
cd "$repo" || exit 1

# A package is made under DESTDIR; what is compiled in is the place without it.
check 'make install with DESTDIR' run_make DESTDIR="$scratch/dest" install
same 'the same files' "$(cd "$prefix" && find . -type f | sort)" "$(cd "$scratch/dest$prefix" && find . -type f | sort)"
same 'the same program' "$(sha256sum <"$prefix/bin/kiln")" "$(sha256sum <"$scratch/dest$prefix/bin/kiln")"
check 'make uninstall' run_make uninstall
same 'nothing stays' '' "$(find "$prefix" -type f)"
if run_make datadir=/ uninstall >"$scratch/log" 2>&1; then not_ok 'a data directory that is not kiln'"'"'s is not removed'; else ok 'a data directory that is not kiln'"'"'s is not removed'; fi
