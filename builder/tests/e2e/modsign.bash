# shellcheck shell=bash
# Signatures of kernel modules, held against a certificate by openssl: neither kiln nor its sign-file takes part.

# module_signed CERTIFICATE MODULE: at the end of the module, and over all that is before, is a signature of the certificate's
# key. Linux, scripts/sign-file.c and include/linux/module_signature.h: the module, CMS without certificates and attributes,
# 12 bytes of which the last four are its length (big-endian) and the third is its kind (2), and a line of 28.
module_signed() {
    local size note len body
    size=$(stat -c %s "$2") || return
    [ "$(tail -c 28 "$2" | tr -d '\0')" = '~Module signature appended~' ] || { echo "$2: no signature" && return 1; }
    read -ra note < <(tail -c 40 "$2" | head -c 12 | od -An -v -tu1)
    len=$(((note[8] << 24) + (note[9] << 16) + (note[10] << 8) + note[11]))
    body=$((size - 40 - len))
    if [ "${note[*]:0:8}" != '0 0 2 0 0 0 0 0' ] || [ $len -eq 0 ] || [ $body -le 0 ]; then
        echo "$2: its end says ${note[*]}"
        return 1
    fi
    # shellcheck disable=SC2154 # scratch is lib.bash's
    head -c "$body" "$2" >"$scratch/signed.body" && tail -c +$((body + 1)) "$2" | head -c "$len" >"$scratch/signed.cms" &&
        openssl cms -verify -binary -inform DER -in "$scratch/signed.cms" -content "$scratch/signed.body" \
            -certfile "$1" -nointern -noverify -out /dev/null
}
# flipped MODULE OFFSET TO: a copy of which one bit is another
flipped() {
    local byte
    cp "$1" "$3" && byte=$(od -An -tu1 -j "$2" -N 1 "$1") &&
        printf '%b' "\\x$(printf %x $((byte ^ 1)))" | dd of="$3" bs=1 seek="$2" conv=notrunc status=none
}
# modules_signed CERTIFICATE MODULE...: every one is, and no copy of it with another bit: the first, one in its middle, and near
# the end of what is signed and of the signature
modules_signed() {
    local certificate=$1 module name size at taken
    shift
    for module; do
        name=${module##*/} size=$(stat -c %s "$module") taken=''
        check "$name: the signature is of the image's key" module_signed "$certificate" "$module"
        for at in 0 $((size / 2)) $((size - 1000)) $((size - 60)); do
            flipped "$module" "$at" "$scratch/flipped.ko" || taken+="no copy for $at "
            ! module_signed "$certificate" "$scratch/flipped.ko" >/dev/null 2>&1 || taken+="$at of $size "
        done
        same "$name: and of every bit" '' "$taken"
    done
}
