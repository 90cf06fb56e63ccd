#!/usr/bin/env bash
# Images derived from others: a command runs in an image away from the host, and what it left under the kept paths is one
# layer more, the same bytes every time. What umoci unpacks of the result is what the command left.
# level: check
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

for tool in umoci skopeo jq python3 apt-get dpkg-deb; do
    command -v $tool >/dev/null || {
        skip 'derived images' "needs $tool"
        exit 0
    }
done
cd "$scratch" || exit 1
chmod 755 "$scratch"
if ! { mkdir deb && cd deb && apt-get download busybox-static && dpkg-deb -x busybox-static_*.deb . && cd ..; } >deb.log 2>&1; then
    skip 'derived images' "no package busybox-static: $(tail -n 1 deb.log)"
    exit 0
fi
busybox=$(find "$scratch/deb" -path '*bin/busybox')
list=$build/tools/tree export KILN_DATA=$scratch/data
data_copy "$KILN_DATA"
derived=$(public "$build/tools/derived")
layout=$scratch/site/overlays/edge/app/layout
mkdir -p "$(dirname "$layout")"
check 'an image' python3 "$repo/builder/tests/e2e/upstream-images.py" small "$busybox" "$layout"
cat >site/app.yaml <<'END_'
profile: app
summary: Derived images
services: [app]
kernel: cloud
machine: {memory: 1G, disk: 2G, cpus: 2}
outputs: [raw]
END_
cat >site/overlays/edge/app/build.sh <<'END_'
# Runs in the image. What is random here must not show in the result.
set -e
cd lib
{ id && env | sort && pwd && ls / /dev && ls /sys /run && cat "$(ls /opt/link/*)"; } >report
{ grep -E '^(Cpus_allowed_list|NoNewPrivs)' /proc/self/status | tr -d '\t' | sed 's/list:[0-9]*$/list:one/' && cat /proc/self/personality; } >steady
{ ip -o link && ! wget -q -O /dev/null http://192.0.2.1/ && ! touch /etc/x && ! mknod /tmp/null c 1 3; } >>report 2>/dev/null
stat -c '%n %a %u:%g %Y' .. ../build.sh ../emptied /opt /opt/first /opt/file able >>report
if [ $(($(od -An -N1 -tu1 /dev/urandom) % 2)) = 1 ]; then mkdir -p new/one new/two; else mkdir -p new/two new/one; fi
echo two >new/two/file
ln new/two/file new/one/linked
ln -s ../two/file new/one/soft
chmod 2750 new/two
touch -d '2020-01-02 03:04:05' new/two/file
echo other >changed
chmod 600 mode
rm -r gone tree moved same
mkdir tree
echo c >tree/c
mkdir moved
touch moved/empty
rm ../emptied/new 2>/dev/null || true
chmod 700 ..
date >../elsewhere
date >/tmp/elsewhere
sleep 300 >/dev/null 2>&1 &
echo "said by the command"
END_
service() { # YAML of the image's keys, indented by nothing
    printf 'service: app\nsummary: Derived images\ncontainers:\n  app:\n    image:\n'
    printf '      %s\n' "${1//$'\n'/$'\n'      }"
}
# shellcheck disable=SC2016 # the service file's
whole='from: oci:layout:small
files:
  /opt/app/build.sh: {from: build.sh, mode: 0755, owner: app}
  /opt/new/dir/text: {text: "placed\n", owner: "7", group: "8", mode: 0640}
run: {command: [sh, build.sh], env: {BOTH: run, MORE: "${settings.more}"}}
keep: [/opt/app/lib]'
# shellcheck disable=SC2016 # the service file's
put() { service "$1" | sed '/^summary/a settings: {more: {type: string, default: "of ${arch}"}}' >site/overlays/edge/app/service.yaml; }
make() { # CACHE JOBS [COMMAND...]
    local dir=$1 jobs=$2
    shift 2
    "$@" mkdir -p "$dir"
    "$@" "$derived" "$scratch/site/app.yaml" "$dir/cache" "$jobs" "$dir/out"
}
sum() { cat "$1"/cache/steps/derived-*/layer.tar "$1"/out/app-app/index.json | sha256sum; }
put "$whole"
check 'a derived image' make one 2
[ -e one/out/app-app/index.json ] || exit 0
check 'again with one job' make two 1
same 'the same bytes' "$(sum one)" "$(sum two)"
same 'what the command said is in the log' 'said by the command' "$(cat one/cache/logs/derived-app-app.log)"
same 'nothing of it is left running' '' "$(pgrep -x -f 'sleep 300' | while read -r p; do readlink "/proc/$p/exe"; done | grep busybox)"
same 'only the layer stays of the step' 'layer.json layer.tar sum tar-split.gz' "$(cd one/cache/steps/derived-* && echo ./* | sed 's,\./,,g')"
same 'nothing is left over in the cache' '' "$(ls one/cache/tmp)"
check 'with everything in the cache nothing runs' test "$(EXPLAIN=1 make one 2 2>&1 | grep -c 'is in the cache')" = 3

user=kiln-derived-$$
if [ "$(id -u)" -ne 0 ]; then
    skip 'the same for a user and for root' 'needs root'
elif useradd --system --no-create-home --home-dir "$scratch/user" --shell /bin/sh "$user"; then
    at_exit userdel "$user"
    grep -q "^$user:" /etc/subuid || usermod --add-subuids 1000000000-1000065535 --add-subgids 1000000000-1000065535 "$user"
    mkdir user
    chown "$user:" user
    chmod -R a+rX site
    check 'a derived image as an ordinary user' make "$scratch/user" 2 setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups env HOME="$scratch/user"
    same 'the same bytes for root and for a user' "$(sum one)" "$(sum user)"
else
    not_ok 'a user for the test'
fi

layers() { jq -r '.layers[].digest' "$1/blobs/sha256/$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "'"$2"'") | .digest | sub("sha256:"; "")' "$1/index.json")"; }
skopeo copy -q "oci:$layout:small" oci:plain:small
same "upstream's layers and one more" "$(layers plain small)
sha256:$(sha256sum one/cache/steps/derived-*/layer.tar | cut -d' ' -f1)" "$(layers one/out/app-app kiln)"
config() { skopeo inspect --config "oci:$1"; }
same "the config is upstream's" "$(config plain:small | jq -S 'del(.created, .rootfs)')" "$(config one/out/app-app:kiln | jq -S 'del(.created, .rootfs)')"

umoci unpack --image plain:small below >umoci.log 2>&1
check 'umoci unpacks it' umoci unpack --image one/out/app-app:kiln made
tree_of() { (cd "$1/rootfs" && find . ! -path . \( -type l -printf '%P %y %l\n' -o -type d -printf '%P %y %m %U:%G\n' -o -printf '%P %y %m %U:%G %n %s\n' \)) | sort; }
same 'what is gone' 'opt/app/lib/gone f 664 1000:0 1 5
opt/app/lib/moved/a f 664 1000:0 1 8
opt/app/lib/same f 664 1000:0 2 5
opt/app/lib/tree/a f 664 1000:0 1 7
opt/app/lib/tree/b f 664 1000:0 1 7' "$(comm -23 <(tree_of below | cut -d' ' -f1) <(tree_of made | cut -d' ' -f1) | while read -r p; do tree_of below | grep "^$p "; done)"
tree_of made >made.list
tree_of below >below.list
same 'what is new or other, and nothing outside of the kept paths' 'opt/app/build.sh f 755 1000:1000 1 SIZE
opt/app/lib/changed f 664 1000:0 1 6
opt/app/lib/mode f 600 1000:0 1 5
opt/app/lib/moved d 2755 1000:0
opt/app/lib/moved/empty f 644 1000:0 1 0
opt/app/lib/new d 2755 1000:0
opt/app/lib/new/one d 2755 1000:0
opt/app/lib/new/one/linked f 644 1000:0 2 4
opt/app/lib/new/one/soft l ../two/file
opt/app/lib/new/two d 2750 1000:0
opt/app/lib/new/two/file f 644 1000:0 2 4
opt/app/lib/report f 644 1000:0 1 SIZE
opt/app/lib/same-too f 664 1000:0 1 5
opt/app/lib/steady f 644 1000:0 1 SIZE
opt/app/lib/tree d 2755 1000:0
opt/app/lib/tree/c f 644 1000:0 1 2
opt/new d 755 0:0
opt/new/dir d 755 0:0
opt/new/dir/text f 640 7:8 1 7' "$(comm -13 below.list made.list | sed -E 's/((build\.sh|report|steady) .* )[0-9]+$/\1SIZE/')"
same 'every time in the layer is the epoch' 1700000000 "$(python3 -c '
import sys, tarfile
print(*sorted({int(m.mtime) for m in tarfile.open(sys.argv[1])}))' one/cache/steps/derived-*/layer.tar)"
same 'what the command saw' 'uid=1000(app) gid=0(root) groups=33(web)
BOTH=run
FROM=image
HOME=/opt/app
MORE=of amd64
PATH=/bin
PWD=/opt/app/lib
SHLVL=1
SOURCE_DATE_EPOCH=1700000000
/opt/app/lib' "$(grep -v OLDPWD made/rootfs/opt/app/lib/report | sed -n 1,10p)"
same 'one processor, no more rights, no random addresses' 'NoNewPrivs:1
Cpus_allowed_list:one
00040000' "$(<made/rootfs/opt/app/lib/steady)"
same 'two layers, one over the other' '.. 775 1000:0 1700000000
../build.sh 755 1000:1000 1700000000
../emptied 750 7:8 1600000000
/opt 755 0:0 1700000000
/opt/first 644 3:4 1600000000
/opt/file 755 0:0 1600000000
able 755 0:0 1600000000' "$(tail -n 7 made/rootfs/opt/app/lib/report)"
same 'no network but loopback' 'lo:' "$(grep -o '^[0-9]*: [^ ]*' made/rootfs/opt/app/lib/report | cut -d' ' -f2)"

# What does not work says so.
log=$scratch/one/cache/logs/derived-app-app.log
one() { printf 'from: oci:layout:%s\nrun: {command: %s}\nkeep: %s' "$1" "$2" "$3"; }
fails() { # NAME KEYS MESSAGE
    put "$2"
    same "$1" "$3" "$(make one 1 2>&1 | grep -vE '^ +(lock|layer|derived)')"
}
fails 'a command that fails' "$(one small '[sh, -c, "echo one; echo two >&2; exit 3"]' '[/opt/app/lib]')" \
    "derived: derived-app-app: in the image oci:layout:small: sh failed with exit status 3:
    one
    two
hint: what the command said: $log (it has no network, and only what is in the image)"
fails 'a command that is not there' "$(one small '[/bin/nothing]' '[/opt/app/lib]')" \
    'derived: derived-app-app: in the image oci:layout:small: /bin/nothing: program not found'
fails 'a command that leaves nothing' "$(one small '[sh, -c, "date >/opt/app/x"]' '[/opt/app/lib, /srv]')" \
    'derived: derived-app-app: in the image oci:layout:small: the command left nothing under /opt/app/lib, /srv'
fails 'a directory above that is replaced' "$(one small '[sh, -c, "rm -r lib; mkdir lib; touch lib/x"]' '[/opt/app/lib/x]')" \
    'derived: derived-app-app: in the image oci:layout:small: the command removed or replaced /opt/app/lib, below which something is kept
hint: keep the whole of /opt/app/lib'
fails 'a command that hangs, and what it started' "$(one small '[sh, -c, "echo begun; sleep 301 & sleep 301"]' '[/opt/app/lib]' | sed 's/}$/, limit: 2s}/')" \
    "derived: derived-app-app: in the image oci:layout:small: sh did not end within 2.0 s and was stopped
hint: \`limit:\` beside \`command:\` gives it longer; what it said: $log"
same 'it has said this' begun "$(<"$log")"
same 'and nothing of it is left' '' "$(pgrep -x -f 'sleep 301')"
fails 'a user that is not there' "$(one small '[sh]' '[/opt/app/lib]' | sed 's/\[sh\]/[sh], user: nobody/')" \
    'derived: derived-app-app: in the image oci:layout:small: the image has no user "nobody"'
fails 'an owner beyond those of a build' "$(one far '[sh]' '[/opt/app/lib]')" \
    "derived: derived-app-app: image localhost/kiln/app/app:kiln: layer sha256:$(layers "$layout" far 2>/dev/null | tail -n 1 | cut -c8-): member \"opt/far\": its owner 70000:0 is not within 0 to 65535, the users of a build
hint: the image can be run as it is, but nothing can be derived from it"
fails 'a file behind a link' 'from: oci:layout:small
files: {/opt/alias/x: {text: x}}' \
    'derived: derived-app-app: in the image oci:layout:small: file /opt/alias/x: /opt/alias is a link in the image, to /etc'
same 'what failed is not in the cache' '' "$(find one/cache/tmp -mindepth 1 ! -name '*.lock')"
put 'from: oci:layout:small
files: {/opt/x: {text: x}}'
check 'files alone' make one 1
