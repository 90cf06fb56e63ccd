#!/usr/bin/env bash
# First boot with more than 2 GB of images made by others: nothing is imported. In the same machine `podman load` of the
# same images shows what that saves, in seconds and in bytes.
# level: full
#
# Real programs where fixtures have them (KILN_TEST_LARGE names others), and two images of generated files for the rest.
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

# shellcheck disable=SC2154 # of lib.bash
make=$repo/qemu-test/fixtures/make
kept=$(realpath -m "${KILN_FIXTURES:-${XDG_CACHE_HOME:-$HOME/.cache}/kiln-fixtures}")
if [ "$(id -u)" -ne 0 ]; then
    skip 'large in nspawn' 'needs root, to mount what was built'
    exit
fi
for tool in mmdebstrap python3 jq; do
    command -v $tool >/dev/null || { skip 'large in nspawn' "needs $tool: apt-get install $tool"; exit; }
done

# A tenth of a gigabyte in files of 4 to 512 KiB; half of the bytes cannot be compressed, as in programs and their data.
generate() { # DIR SEED HUNDREDS-OF-MB
    python3 - "$@" <<'END'
import os, random, sys
top, seed, hundreds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
r, left, n = random.Random(seed), hundreds * 100_000_000, 0
words = [b"%x " % r.getrandbits(r.choice((16, 24, 32))) for _ in range(4096)]
while left > 0:
    size = min(left, r.randrange(4096, 1 << 19))
    text = b"".join(r.choices(words, k=size // 14 + 1))[:size // 2]
    path = os.path.join(top, "srv/data/%02x" % (n % 97), "%05d" % n)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(r.randbytes(size - len(text)) + text)
    left, n = left - size, n + 1
END
}
image() { # NAME SEED HUNDREDS: as an OCI layout on the base that Debian images of fixtures share
    (
        # shellcheck source=qemu-test/fixtures/lib.bash
        . "$repo/qemu-test/fixtures/lib.bash"
        got=$scratch/$1 root=$scratch/$1/root
        mkdir -p "$root"
        debian_base && unpack_tree "$got/base.tar" "$got/base" && unpack_tree "$got/base.tar" && generate "$root" "$2" "$3" &&
            python3 "$fixtures/layout.py" "$scratch/$1.oci" 1 '{"Cmd": ["/bin/sleep", "infinity"]}' "$root" "$got/base" && rm -rf "$got"
    )
}

data=$scratch/overlays/devops/bulk
mkdir -p "$data" "$scratch/profiles" "$scratch/qemu-test"
ln -s "$repo/qemu-test/overlays/edge" "$scratch/overlays/edge"
{
    echo 'service: bulk'
    echo 'summary: Large images of others, none of them doing anything'
    echo 'containers:'
} >"$data/service.yaml"
real=()
container() { # NAME IMAGE
    printf '  %s: {image: "%s", user: "65532:65532", entrypoint: [/bin/sleep, infinity], memory: 16M, stop: 1s}\n' "$1" "$2" >>"$data/service.yaml"
}
# shellcheck disable=SC2086 # words
while IFS=$'\t' read -r name state image _; do
    if [ "$state" != made ]; then
        skip "$name is among the images" "$image"
        continue
    fi
    ok "$name is among the images"
    real+=("$name")
    container "$name" "oci:$kept/images/$name-${image##*:}:${image##*:}"
done < <(nice -n 19 "$make" ${KILN_TEST_LARGE:-postgres valkey haproxy traefik})
for n in 1 2; do
    check "generated image $n" image "made$n" $n 10
    container "made-$n" "oci:$scratch/made$n.oci:1"
done
cat >"$scratch/profiles/large.yaml" <<'END'
profile: large
summary: Two gigabytes of images of others
extends: tiny
services: [bulk]
machine: {memory: 2G, disk: 24G, cpus: 2}
END
cp "$repo/qemu-test/profiles/tiny.yaml" "$scratch/profiles/"

cat >"$scratch/qemu-test/large.yaml" <<'END'
scenario: large
summary: More than 2 GB of images at first boot, nothing imported; then podman load of the same images, in the same machine
engines: [nspawn]
steps:
  - boot: {}
  - ready: {}
  - status: {name: no image was imported, at: /storage/image_layers, is: "^0$"}
  - status: {name: not a byte of image data in the writable storage, at: /storage/image_bytes, is: "^0$"}
  - run:
      name: podman load of the same images
      within: 1800s
      show: true
      command:
        - bash
        - -euc
        - |
          now() { cut -d ' ' -f 1 /proc/uptime; }
          mapfile -t names < <(podman images --format '{{.Repository}}:{{.Tag}}' | grep /kiln/bulk/ | sort)
          sizes=$(podman image inspect -f '{{.Size}}' "${names[@]}" | paste -sd +)
          before=$(now)
          podman save -q -m -o /var/all.tar "${names[@]}"
          sync /var/all.tar
          # A storage of its own, that knows nothing of the store; the appliance's own policy takes no image from anywhere.
          printf '[storage]\ndriver = "overlay"\ngraphroot = "/var/load"\nrunroot = "/run/load"\n' >/run/load.conf
          echo '{"default": [{"type": "insecureAcceptAnything"}]}' >/run/policy.json
          begin=$(now)
          CONTAINERS_STORAGE_CONF=/run/load.conf podman load -q --signature-policy /run/policy.json -i /var/all.tar >/dev/null
          sync
          end=$(now)
          [ "$(CONTAINERS_STORAGE_CONF=/run/load.conf podman images -q | sort -u | wc -l)" = "${#names[@]}" ]
          echo "images ${#names[@]}"
          echo "image_bytes $((sizes))"
          echo "archive_bytes $(stat -c %s /var/all.tar)"
          echo "save_seconds $(awk "BEGIN {print $begin - $before}")"
          echo "load_seconds $(awk "BEGIN {print $end - $begin}")"
          echo "loaded_bytes $(du -s --block-size=1 /var/load | cut -f 1)"
          echo "store_bytes $(df --output=used --block-size=1 /usr/lib/kiln/store | tail -n 1)"
          rm -rf /var/load /var/all.tar
END
export KILN_DATA=$repo
profile_file() { echo "$scratch/profiles/$1.yaml"; } # instead of lib.bash's
scenarios large nspawn --scenario large
verdict=$reports/large-nspawn/verdict.json
value() { jq -r --arg k "$1" '.scenarios[0].steps[] | .detail // empty | split("\n")[] | split(" ") | select(.[0] == $k) | .[1]' "$verdict"; }
ready=$(jq '.scenarios[0].boots[0].ready_ms / 1000' "$verdict")
[ -n "$(value store_bytes)" ] || exit
bytes=$(value image_bytes) load=$(value load_seconds)
if [ "${bytes%.*}" -ge 2000000000 ]; then ok 'more than 2 GB of images'; else not_ok 'more than 2 GB of images' "$bytes"; fi
awk -v real="${real[*]}" -v ready="$ready" -v bytes="$bytes" -v seconds="$load" -v loaded="$(value loaded_bytes)" -v store="$(value store_bytes)" \
    -v archive="$(value archive_bytes)" 'BEGIN {
        printf "# images: %.2f GB unpacked (real: %s; the rest generated), %.2f GB in the store\n", bytes / 1e9, real, store / 1e9
        printf "# from the store: ready after %.1f s, 0 bytes imported\n", ready
        printf "# podman load: %.1f s more and %.2f GB in /var, from an archive of %.2f GB\n", seconds, loaded / 1e9, archive / 1e9
        printf "# seconds until ready: %.1f times as many with podman load; disk: %.1f times as much (archive and copy; %.1f times without the archive)\n",
            (ready + seconds) / ready, (archive + loaded) / store, loaded / store
    }'
