#!/usr/bin/env bash
# How large the disk is that kiln test gives a machine: what is started here is no QEMU, but only notes it.
# level: quick
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

if [ ! -e /usr/share/OVMF/OVMF_CODE_4M.fd ]; then
    skip 'the disk of a machine' 'no firmware: apt-get install ovmf'
    exit
fi
mkdir "$scratch/bin" "$scratch/qemu-test" "$scratch/overlays"
cat >"$scratch/bin/qemu-system-x86_64" <<'SH'
#!/bin/sh
for option; do
    case $option in if=none,id=disk0,*) stat -c %s "${option##*file=}" >"$NOTED" ;; esac
done
exit 1
SH
chmod +x "$scratch/bin/qemu-system-x86_64"
export NOTED=$scratch/noted KILN_DATA=$repo PATH=$scratch/bin:$PATH
# A disk with a partition table, as far as kiln looks.
truncate -s 512M "$scratch/disk.raw"
printf 'EFI PART' | dd of="$scratch/disk.raw" bs=512 seek=1 conv=notrunc status=none
disk() { # NAME [MACHINE]: of the machine on which the scenario NAME is played
    printf '%s\n' "scenario: $1" 'summary: is switched on' ${2:+"machine: $2"} 'steps:' '  - boot: {}' >"$scratch/qemu-test/$1.yaml"
    rm -f "$NOTED"
    "$kiln" test "$scratch/disk.raw" --scenario "$1" --cache "$scratch/cache" --report "$scratch/report" >"$scratch/said" 2>&1
    cat "$NOTED" 2>/dev/null || cat "$scratch/said"
}
same 'a machine whose size nobody states: the image and 8 GiB' $(((512 << 20) + (8 << 30))) "$(disk unstated)"
same 'that of the scenario is taken' $((2 << 30)) "$(disk stated '{disk: 2G}')"
same 'one on which the image does not fit is refused' "the machine's disk of 256 MiB is smaller than the image of 512 MiB" \
    "$(disk small '{disk: 256M}' | grep -om1 "the machine's disk.*")"
