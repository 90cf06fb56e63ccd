#!/usr/bin/env bash
# What `kiln-agent gpu` writes about GPUs (builder/tests/golden/gpu) is taken by the appliance's podman: containers get the
# devices that they name, and the libraries. The devices are stand-ins; no GPU is there.
# level: check
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=builder/tests/e2e/osroot.bash
. "$(dirname "$0")/osroot.bash"
command -v jq >/dev/null || { skip 'podman takes the specification' 'needs jq'; exit 0; }
# shellcheck disable=SC2154 # root, store and out are its
os_root 'podman takes the specification'

golden=$repo/builder/tests/golden/gpu
mkdir "$out/cdi"
for layout in nvidia-one nvidia-many nvidia-mig amd-many intel-one; do
    sed '1,/^==== CDI$/d' "$golden/$layout.golden" >"$out/cdi/$layout.json"
    jq -r '.. | .deviceNodes? // [] | .[].path' "$out/cdi/$layout.json" | sort -u >"$out/cdi/$layout.devices"
    jq -r '.containerEdits.mounts // [] | .[].hostPath' "$out/cdi/$layout.json" >"$out/cdi/$layout.files"
done

check 'podman starts them' inside "$store" "$(cat <<'EOF'
set +x
# The root is read-only: the libraries of an image for NVIDIA stand in an overlay.
mkdir /tmp/upper /tmp/work /tmp/store
mount --bind /usr/lib/kiln/store /tmp/store
mount -t overlay -o lowerdir=/usr/lib,upperdir=/tmp/upper,workdir=/tmp/work overlay /usr/lib
mount --bind /tmp/store /usr/lib/kiln/store
ln -s /run /var/run # as systemd-tmpfiles does: podman 5.4 looks in /etc/cdi and /var/run/cdi, whatever containers.conf says
rootfs=/var/lib/containers/rootfs
for file in /usr/bin/{bash,ls,cat,find,sort,stat} /usr/lib64/ld-linux-x86-64.so.2 $(ldd /usr/bin/{bash,ls,find,stat} | grep -o '/[^ ]*' | grep -v :); do
    mkdir -p "$rootfs/$(dirname "$file")"
    cp -L "$file" "$rootfs/$file"
done
mkdir -p "$rootfs"/{dev,proc,sys,run,etc,tmp} /run/cdi
say() { # NAME COMMAND...: output and status are in NAME
    local name=$1 status=0
    shift
    "$@" >"/mnt/$name" 2>&1 || status=$?
    echo "status $status" >>"/mnt/$name"
}
with() { # LAYOUT COMMAND...: with that one's specification, and stand-ins of all it names
    local layout=$1 path
    shift
    rm -f /run/cdi/*
    cp "/mnt/cdi/$layout.json" /run/cdi/kiln-gpu.json
    while read -r path; do
        mkdir -p "$(dirname "$path")"
        [ ! -e "$path" ] || continue
        # As udev of Debian makes them: for a group of its own. NVIDIA's are kiln-agent's, with the driver's mode.
        case $path in
        /dev/dri/card*) mknod -m 660 "$path" c 1 3 && chgrp 44 "$path" ;;
        /dev/dri/*|/dev/kfd) mknod -m 660 "$path" c 1 3 && chgrp 991 "$path" ;;
        *) mknod -m 666 "$path" c 1 3 ;;
        esac
    done <"/mnt/cdi/$layout.devices"
    while read -r path; do
        mkdir -p "$(dirname "$path")"
        [ -e "$path" ] || echo "this is $path" >"$path"
    done <"/mnt/cdi/$layout.files"
    "$@"
}
# Places where files were mounted stay in the directory, empty.
# As the appliance's units have it: no capabilities, a read-only root, all words from a variable.
devices='find /dev -name "nvidia*" -type c -o -name kfd -o -path "/dev/dri/*" | sort; find /usr/local -type f -size +0 2>/dev/null | sort'
start() { # WORDS: of KILN_GPU_x
    # shellcheck disable=SC2086 # words
    podman run --rm --network=none --cap-drop=all --security-opt=no-new-privileges --read-only $1 --rootfs "$rootfs" /usr/bin/bash -c "$devices"
}
say one with nvidia-one start '--device nvidia.com/gpu=all'
say library podman run --rm --network=none --cap-drop=all --read-only --device nvidia.com/gpu=0 --rootfs "$rootfs" \
    /usr/bin/bash -c 'cat /usr/local/nvidia/lib64/libcuda.so.1; echo x >/dev/nvidia0 && echo writable'
say user podman run --rm --network=none --cap-drop=all --read-only --user 1000:1000 --device nvidia.com/gpu=0 --rootfs "$rootfs" \
    /usr/bin/bash -c 'echo x >/dev/nvidia0 && echo writable'
say uuid start '--device nvidia.com/gpu=GPU-3f1c8a52-7f0e-4c15-9b1d-0a5c3e9d2b64'
say address start '--device nvidia.com/gpu=0000:01:00.0'
say many with nvidia-many start '--device nvidia.com/gpu=0 --device nvidia.com/gpu=2'
say mig with nvidia-mig start '--device nvidia.com/gpu=0:1'
say mig-all start '--device nvidia.com/gpu=all'
say amd with amd-many start '--device amd.com/gpu=1'
say intel with intel-one start '--device intel.com/gpu=all'
# Ollama's user, which is in none of these groups; outside it gets nowhere.
try='for d in /dev/kfd /dev/dri/*; do { echo x >"$d"; } 2>/dev/null && echo "$d"; done'
as_ollama() { # WORDS
    # shellcheck disable=SC2086 # words
    podman run --rm --network=none --cap-drop=all --security-opt=no-new-privileges --read-only --user 65532:65532 $1 --rootfs "$rootfs" /usr/bin/bash -c "$try; true"
}
say intel-user with intel-one as_ollama '--device intel.com/gpu=all'
say amd-user with amd-many as_ollama '--device amd.com/gpu=1'
say outside setpriv --reuid 65532 --regid 65532 --clear-groups bash -c "ls /dev/kfd /dev/dri/renderD129; $try; true"
say none start ''
say missing start '--device intel.com/gpu=7'
EOF
)"

said() { same "$1" "$3" "$(cat "$out/$2" 2>&1)"; } # NAME FILE WANT
both='/dev/dri/card1
/dev/dri/renderD129
/dev/nvidia-modeset
/dev/nvidia-uvm
/dev/nvidia-uvm-tools
/dev/nvidia0
/dev/nvidiactl'
libraries='/usr/local/nvidia/bin/nvidia-smi
/usr/local/nvidia/lib64/libcuda.so.1
/usr/local/nvidia/lib64/libnvidia-ml.so.1
/usr/local/nvidia/lib64/libnvidia-ml.so.550.163.01
/usr/local/nvidia/lib64/libnvidia-ptxjitcompiler.so.1
/usr/local/nvidia/lib64/libnvidia-ptxjitcompiler.so.550.163.01
status 0'
common='/dev/nvidia-modeset
/dev/nvidia-uvm
/dev/nvidia-uvm-tools'
said 'one GPU: all of it, and the libraries' one "$both
$libraries"
said 'the library is the image'\''s, the device can be written without capabilities' library \
    'this is /usr/lib/x86_64-linux-gnu/nvidia/current/libcuda.so.1
writable
status 0'
said 'by a user of the container as well' user 'writable
status 0'
said 'by its UUID' uuid "$both
$libraries"
said 'by its address' address "$both
$libraries"
said 'two of three' many "$common
/dev/nvidia2
/dev/nvidia3
/dev/nvidiactl
$libraries"
said 'one part of a GPU (MIG): its two doors, and no other' mig "/dev/nvidia-caps/nvidia-cap21
/dev/nvidia-caps/nvidia-cap23
$common
/dev/nvidia0
/dev/nvidiactl
$libraries"
said 'all parts, and the GPU that is whole' mig-all "$(printf '/dev/nvidia-caps/nvidia-cap%s\n' 21 22 23 84 85 93 94)
$common
/dev/nvidia0
/dev/nvidia1
/dev/nvidiactl
$libraries"
said 'AMD: the second one and what all need' amd '/dev/dri/card2
/dev/dri/renderD129
/dev/kfd
status 0'
said 'Intel' intel '/dev/dri/card0
/dev/dri/renderD128
status 0'
said 'AMD: Ollama'\''s user can write to what only the groups video and render may' amd-user '/dev/kfd
/dev/dri/card2
/dev/dri/renderD129
status 0'
said 'Intel: so it can' intel-user '/dev/dri/card0
/dev/dri/renderD128
status 0'
said 'and outside of a container it cannot' outside '/dev/dri/renderD129
/dev/kfd
status 0'
said 'no word, no device' none 'status 0'
check 'one that is not there is refused' grep -q 'unresolvable CDI devices intel.com/gpu=7' "$out/missing"
