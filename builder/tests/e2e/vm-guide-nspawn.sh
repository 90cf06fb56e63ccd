#!/usr/bin/env bash
# A system that kiln does not know, by what the guides say and nothing else: their files, built, booted and asked from outside.
# level: check
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

site=$scratch/site
mkdir -p "$site/qemu-test"
cd "$site" || exit 1
page_files "$repo/docs/writing-a-service.md"
page_files "$repo/docs/writing-a-scenario.md"
export KILN_DATA=$repo
# Beside all the others it is the 23rd: with the door of full, and nothing of any other changed.
printf 'profile: more\nextends: full\nservices: [notes]\n' >more.yaml
"$kiln" plan full --json >full.json
"$kiln" plan more.yaml --json >more.json
same 'full with it has one system more' notes "$(comm -13 <(jq -r '.services[].name' full.json | sort) <(jq -r '.services[].name' more.json | sort))"
same 'its claims are met, by what full has' '' "$(jq -r '.services[] | select(.name == "notes").claims[] | select(.provider == null).name' more.json)"
same 'its page is at the door of full' traefik "$(jq -r '.services[] | select(.name == "notes").claims[] | select(.kind == "route").provider' more.json)"
same 'and who was there before claims what he did' "$(jq -S '[.services[] | {name, claims}]' full.json)" \
    "$(jq -S '[.services[] | select(.name != "notes") | {name, claims}]' more.json)"
if [ "$(id -u)" -ne 0 ]; then
    skip 'the guides in nspawn' 'needs root, to mount what was built'
    exit
fi
cat >qemu-test/notes.yaml <<'YAML'
scenario: notes
summary: The page of the guide's service, through the front door, before and after a restart
steps:
  - boot: {}
  - ready: {}
  - visit: {name: its page, command: [look]}
  - reboot: {}
  - ready: {}
  - visit: {name: its page after a restart, command: [look]}
YAML
cat >qemu-test/look <<'LOOK'
#!/bin/sh
page=$(curl -sS --fail --max-time 30 --cacert "$KILN_CA" --connect-to "::$KILN_ADDRESS" https://notes.kiln.internal/) || exit 1
[ "$page" = Notes ] || { echo "FAIL $page"; exit 1; }
LOOK
chmod 755 qemu-test/look
same 'the plan has the service in its layer' notes "$("$kiln" plan my-site.yaml --json | jq -r '.services[] | select(.layer == "devops").name')"
profile_file() { echo "$site/$1.yaml"; }
scenarios my-site nspawn --scenario first-boot --scenario kept --scenario notes
listens_as_planned my-site nspawn
