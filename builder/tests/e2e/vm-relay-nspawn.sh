#!/usr/bin/env bash
# Mail to the outside by another's server, booted natively: its certificate, the password that the machine is given, whom a mail
# is from, the copy of what comes to postmaster; nothing else leaves.
# level: check
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

scenarios relay-test nspawn --scenario relay
scenarios relay-tls-test nspawn --scenario relay-tls
