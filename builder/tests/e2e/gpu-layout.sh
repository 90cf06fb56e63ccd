#!/usr/bin/env bash
# builder/tests/gpu-layout, which records what kiln-agent reads of a machine with GPUs: all of it, and nothing that is not there.
# level: quick
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

record() { "$repo/builder/tests/gpu-layout" "$@"; }
begin='# Recorded by builder/tests/gpu-layout.'
mkdir "$scratch/bare"
same 'a machine without any' "$begin
# want: amd" "$(record amd "$scratch/bare")"

root=$scratch/root device=/sys/bus/pci/devices/0000:01:00.0
put() { install -D /dev/stdin "$root$1"; } # PATH: with what is on standard input
echo 0x10de | put $device/vendor
echo 0x2204 | put $device/device
echo 0x030000 | put $device/class
ln -s ../../../bus/pci/drivers/nvidia "$root$device/driver"
echo 226:0 | put $device/drm/card0/dev
echo 'NVRM version: x' | put /proc/driver/nvidia/version
printf 'Model: x\nGPU UUID: GPU-3f1c8a52-7f0e-4c15-9b1d-0a5c3e9d2b64\n' | put /proc/driver/nvidia/gpus/0000:01:00.0/information
echo '195 nvidia' | put /proc/devices
put /dev/nvidia0 </dev/null
put /dev/nvidia-caps/nvidia-cap1 </dev/null
put /dev/kfd </dev/null
put /usr/lib/x/nvidia/current/libcuda.so.550 </dev/null
ln -s libcuda.so.550 "$root/usr/lib/x/nvidia/current/libcuda.so.1"
put /usr/lib/nvidia/current/nvidia-smi </dev/null
same 'one with a GPU, whose serial number is not told' "$begin
# want: nvidia
$device/vendor <
	0x10de
$device/device <
	0x2204
$device/class <
	0x030000
$device/driver -> ../../../bus/pci/drivers/nvidia
$device/drm/card0/dev <
	226:0
/proc/driver/nvidia/version <
	NVRM version: x
/proc/driver/nvidia/gpus/0000:01:00.0/information <
	Model: x
	GPU UUID: GPU-00000000-7f0e-4c15-9b1d-0a5c3e9d2b64
/proc/devices <
	195 nvidia
/dev/kfd
/dev/nvidia0
/dev/nvidia-caps/nvidia-cap1
/usr/lib/x/nvidia/current/libcuda.so.1 -> libcuda.so.550
/usr/lib/x/nvidia/current/libcuda.so.550
/usr/lib/nvidia/current/nvidia-smi" "$(record nvidia "$root")"
