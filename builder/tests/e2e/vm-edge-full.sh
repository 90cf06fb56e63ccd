#!/usr/bin/env bash
# Single sign-on through power cuts, and who reaches whom in the whole edge profile.
# level: full
KILN_TEST_SCENARIOS='sso-power-cut isolation first-boot reboot' exec "$(dirname "$0")/vm-edge-nspawn.sh"
