#!/usr/bin/env bash
# A system that kiln does not know, by what the guides say and nothing else: their files, built, booted and asked from outside.
# level: check
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

if [ "$(id -u)" -ne 0 ]; then
    skip 'the guides in nspawn' 'needs root, to mount what was built'
    exit
fi
site=$scratch/site
mkdir -p "$site/qemu-test"
cd "$site" || exit 1
page_files "$repo/docs/writing-a-service.md"
page_files "$repo/docs/writing-a-scenario.md"
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
export KILN_DATA=$repo
same 'the plan has the service in its layer' notes "$("$kiln" plan my-site.yaml --json | jq -r '.services[] | select(.layer == "devops").name')"
profile_file() { echo "$site/$1.yaml"; }
scenarios my-site nspawn --scenario first-boot --scenario kept --scenario notes
listens_as_planned my-site nspawn
