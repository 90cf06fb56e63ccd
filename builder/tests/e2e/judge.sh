#!/usr/bin/env bash
# The judge of the failover drills (qemu-test/overlays/devops/probe): what it must not let pass.
# level: quick
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

# shellcheck disable=SC2154 # of lib.bash
judge=$repo/qemu-test/overlays/devops/probe/judge
# seen FROM TO NODE STATE: ten answers a second
seen() { awk -v a="$1" -v b="$2" -v n="$3" -v s="$4" 'BEGIN {for (t = a; t < b; t += 0.1) print t, n, s}'; }
rows() { for n in a b; do for r; do echo "0 $n row $r"; done; done; }
good() { # a is primary until 10, b from 12
    seen 0 10 a primary && seen 10 20 a away && seen 0 12 b standby && seen 12 20 b primary
    printf '%s\n' '1 a ack 100' '9.9 a ack 101' '12.5 b ack 102' '19 b ack 103'
}
says() { # NAME STATUS TEXT: what the judge says of stdin, without its first two lines
    local got
    got=$(python3 "$judge" 0 20 0 a b)
    same "$1" "$2: $3" "$?: $(tail -n +3 <<<"$got")"
}
says 'one after the other, all rows there' 0 '' < <(good && rows 100 101 102 103)
says 'a row that was acknowledged is gone' 1 'FAIL 1 acknowledged commits are not on a
FAIL 1 acknowledged commits are not on b' < <(good && rows 100 102 103)
says 'a row is missing on one node' 1 'FAIL 1 acknowledged commits are not on a' < <(good && rows 100 101 102 && echo '0 b row 103')
says 'the old one acknowledges after the new one' 1 'FAIL commits were acknowledged by turns: a b a b' \
    < <(good && echo '13 a ack 104' && rows 100 101 102 103 104)
says 'both call themselves primary' 1 'FAIL two nodes called themselves primary for 1.8 s' \
    < <(good | sed 's/ away/ primary/' | awk '$2 != "a" || $1 < 14' && seen 14 20 a standby && rows 100 101 102 103)
says 'one that was frozen and thaws as primary was none in between' 0 '' \
    < <(seen 0 10 a primary && seen 10 15 a frozen && seen 15 20 a standby && seen 0 12 b standby && seen 12 20 b primary && echo '1 a ack 1' && rows 1)
says 'nobody looked at a node' 1 'FAIL nobody looked at b for 6.2 s' < <(good | awk '$2 != "b" || $1 < 13 || $1 > 19' && rows 100 101 102 103)
says 'a node of which nothing is known' 1 'FAIL nobody looked at b for 20.0 s
FAIL no node acknowledged anything' < <(seen 0 20 a primary)

# What a client notes: until when it wrote, and nothing for so long.
ledger() { # SECONDS: between two acknowledged writes
    printf '%s\n' '1 10.0' '1 10.5' '-2 12.0' "3 $((11 + $1)).0" "0 $((12 + $1)).0" >"$scratch/ledger"
    LEDGER=$scratch/ledger python3 "$repo/qemu-test/overlays/devops/probe/ledger" stop 2>&1
    echo "status $?"
}
same 'written again within a minute' '55.5 s without an acknowledgement; 2 writes acknowledged, 1 not
status 0' "$(ledger 55)"
same 'and not' '61.5 s without an acknowledgement; 2 writes acknowledged, 1 not
FAIL nothing was written within 60 s
status 1' "$(ledger 61)"
