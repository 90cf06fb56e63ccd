#!/usr/bin/env bash
# Kernel modules that a firmware set builds: Debian's acpi-call, as a small real one. Compiled once, signed, the same bytes
# again, in the image; and what is refused.
# level: full
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

# shellcheck source=builder/tests/e2e/builds.bash
. "$(dirname "$0")/builds.bash"
# shellcheck source=builder/tests/e2e/modsign.bash
. "$(dirname "$0")/modsign.bash"

cache=$scratch/cache # its own: steps are taken out of it
data=$scratch/data
profile=$data/qemu-test/profiles/modules-test.yaml
set=$data/qemu-test/firmware/acpi-call.yaml
data_copy "$data"
export KILN_DATA=$data

build() { "$kiln" build "$profile" --cache "$cache" --out "$scratch/out" --explain; }
# step_is NAME PATTERN FILE: what --explain said of a step, each time
step_is() { grep -qE "^  $1 +[0-9a-f]{12}  $2\$" "$3" && ! grep -E "^  $1 +[0-9a-f]{12}  " "$3" | grep -vE "  $2\$"; }
output() { step_output "$cache" "$@"; }

check 'the lock of a profile with a module' "$kiln" lock "$profile" --cache "$(test_cache)"
check 'its packages' "$kiln" fetch "$profile" --cache "$(test_cache)"
own_cache "$cache"
check 'it is built' build
build >"$scratch/second" 2>&1
check 'a second build does not compile it' step_is modules-acpi-call 'is in the cache' "$scratch/second"
check 'nor sign it' step_is os-modules 'is in the cache' "$scratch/second"
check 'the plan shows it' grep -qx '  acpi-call builds acpi_call.ko for the kernel, from /usr/src/acpi-call-\*, signed with a key of this cache' \
    <("$kiln" plan "$profile" --cache "$cache")
# shellcheck disable=SC2016 # jq's
check 'the lock pins source, headers and compiler' jq -e '.sets["build/acpi-call"] as $s | ["acpi-call-dkms:all", "make:amd64"] - $s == [] and any($s[]; test("^linux-headers-[0-9].*-cloud-amd64:amd64$"))' "${profile%.yaml}.lock"

# In the image, as it comes out of it.
signed=$(output os-modules "$scratch/second") compiled=$(output modules-acpi-call "$scratch/second") root=$(output root "$scratch/second")
check 'the image has it' unsquashfs -q -n -d "$scratch/root" "$root/root.squashfs" usr/lib/modules usr/lib/kiln
kernel=$(cd "$scratch/root/usr/lib/modules" && echo *)
module=$scratch/root/usr/lib/modules/$kernel/updates/acpi_call.ko
check 'for its kernel' grep -qF "vermagic=$kernel SMP " <(strings "$module")
modules_signed "$scratch/root/usr/lib/kiln/modules.der" "$module"
check 'depmod knows it' grep -qx 'updates/acpi_call.ko: *' "$scratch/root/usr/lib/modules/$kernel/modules.dep"
check 'and still the others' grep -q '^kernel/fs/overlayfs/overlay.ko' "$scratch/root/usr/lib/modules/$kernel/modules.dep"
same 'the key of the cache is for its owner only' 600 "$(stat -c %a "$cache/keys/modules.pem")"
no_key() { ! grep -rlF "$(sed -n 5p "$cache/keys/modules.pem")" "$scratch/root" "$signed" "$compiled"; }
check 'and in no part of the image' no_key

# Made again from nothing but the trees: the same bytes.
want=$(sha256sum <"$module") image=$(sha256sum <"$scratch/out/modules-test.raw")
remove_all "$signed" "$compiled" "$root"
rm -rf "$scratch/out"
check 'compiled and signed once more' build
same 'the module has the same bytes' "$want" "$(sha256sum <"$signed/tree/usr/lib/modules/$kernel/updates/acpi_call.ko")"
same 'and so has the image' "$image" "$(sha256sum <"$scratch/out/modules-test.raw")"

# A key of the site's own: nothing is compiled for it.
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$scratch/key" -out "$scratch/cert" -subj '/CN=the site' -days 30 2>/dev/null
cat "$scratch/key" "$scratch/cert" >"$data/qemu-test/profiles/site.pem"
echo 'keys: {modules: site.pem}' >>"$profile"
check 'a key of the profile signs' build
build >"$scratch/site" 2>&1
check 'for which nothing is compiled' step_is modules-acpi-call 'is in the cache' "$scratch/site"
site=$(output os-modules "$scratch/site")
same 'it says so' 'the site' "$(modinfo -F signer "$site/tree/usr/lib/modules/$kernel/updates/acpi_call.ko")"
check 'the signature is of that key' module_signed "$site/tree/usr/lib/kiln/modules.der" "$site/tree/usr/lib/modules/$kernel/updates/acpi_call.ko"
not_of_another() { ! module_signed "$scratch/root/usr/lib/kiln/modules.der" "$site/tree/usr/lib/modules/$kernel/updates/acpi_call.ko"; }
check 'and not of the one before' not_of_another
check 'whose certificate is beside it' cmp -s <(openssl x509 -in "$scratch/cert" -outform der) "$site/tree/usr/lib/kiln/modules.der"
no_site_key() { ! grep -rlF "$(sed -n 5p "$scratch/key")" "$site"; }
check 'and not the key itself' no_site_key
sed -i '/^keys:/d' "$profile"

# Patches: one that fits, and one that does not.
mkdir "$data/qemu-test/firmware/acpi-call"
patch_of() { printf -- '--- a/acpi_call.c\n+++ b/acpi_call.c\n@@ -1,1 +1,2 @@\n+/* patched */\n %s\n' "$1"; }
first=$(dpkg-deb --fsys-tarfile "$cache/sha256/$(jq -r '.packages["acpi-call-dkms:all"].sha256' "${profile%.yaml}.lock")" |
    tar -xO --wildcards './usr/src/acpi-call-*/acpi_call.c' | head -n 1)
patch_of "$first" >"$data/qemu-test/firmware/acpi-call/x.patch"
echo '  patches: [acpi-call/x.patch]' >>"$set"
check 'a patch that fits is applied' build
build >"$scratch/patched" 2>&1
check 'once' step_is modules-acpi-call 'is in the cache' "$scratch/patched"
patch_of 'no such line' >"$data/qemu-test/firmware/acpi-call/x.patch"
# build_refused NAME TEXT: the last words, without the paths of this machine
build_refused() {
    local said
    said=$(build 2>&1) && {
        not_ok "$1" 'it was built'
        return
    }
    same "$1" "$2" "$(grep -E '^kiln: (error|hint): ' <<<"$said" | sed "s#$cache#CACHE#g")"
}
build_refused 'one that does not fit is refused' "kiln: error: modules-acpi-call: the patch acpi-call/x.patch does not fit these sources: patch failed with exit status 1:
kiln: hint: the packages have changed: \`patches:\` of the firmware set acpi-call must follow"
sed -i '/^  patches:/d' "$set"

# What the commands leave must be there, be a module, and for this kernel.
cp "$set" "$scratch/set"
log='kiln: hint: all that was said: CACHE/logs/modules-acpi-call.log'
sed -i 's/acpi_call\.ko/other.ko/' "$set"
build_refused 'a module that was not made' "kiln: error: modules-acpi-call: the commands left no file other.ko
$log"
sed -i 's/^    - \[make.*/    - [cp, Makefile, other.ko]/' "$set"
build_refused 'a file that is no module' "kiln: error: modules-acpi-call: other.ko is no kernel module: it has no vermagic
$log"
sed -i 's/^    - \[cp.*/    - [ln, -s, \/usr\/bin\/make, other.ko]/' "$set"
build_refused 'a link out of the sources' "kiln: error: modules-acpi-call: the commands left no file other.ko
$log"
cp "$scratch/set" "$set"
sed -i 's/^  modules:/    - [sed, -i, s\/vermagic=6\/vermagic=5\/, acpi_call.ko]\n&/' "$set"
build_refused 'a module for another kernel' "kiln: error: modules-acpi-call: acpi_call.ko is for the kernel 5${kernel#6}, not for $kernel
$log"
cp "$scratch/set" "$set"
sed -i 's#/usr/src/acpi-call-#/usr/src/acpi-cal-#' "$set"
build_refused 'a source that is not there' "kiln: error: modules-acpi-call: /usr/src/acpi-cal-* is in none of its packages
kiln: hint: \`build:\` of the firmware set says \`source:\` and \`packages:\`"
cp "$scratch/set" "$set"
remove_all "$signed" "$root"
printf '6.1.0-amd64' >"$compiled/kernel"
build_refused 'headers of another kernel than the OS has' "kiln: error: os-modules: the modules of acpi-call are for the kernel 6.1.0-amd64, the OS tree has $kernel
kiln: hint: its \`build:\` brings the headers of another kernel than \`kernel:\` of the profile"

# The lock: a package that is in a component the profile does not take.
sed -i 's/^  packages: .*/  packages: [nvidia-open-kernel-dkms]/' "$set"
said=$("$kiln" lock "$profile" --cache "$(test_cache)" 2>&1)
check 'a package of another component is refused' grep -qE '^kiln: error: tree build/acpi-call: there is no package "nvidia-open-kernel-dkms" in trixie \(' <<<"$said"
check 'with the components that it does take' grep -qx "kiln: hint: of Debian's components the profile takes: main" <<<"$said"
