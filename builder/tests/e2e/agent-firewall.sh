#!/usr/bin/env bash
# The agent's two nftables tables in real network namespaces: a machine with a bridge, containers on it, a LAN beside it.
# Loaded before and after the bridge exists, with and without br_netfilter handing bridged packets to the inet family.
# level: check
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

agent=$build/kiln-agent
machine=$repo/builder/tests/golden/agent/machine.json
if [ "$(id -u)" -ne 0 ] || ! command -v nft >/dev/null; then
    skip 'firewall in network namespaces' 'needs root and nft'
    exit
fi
# A module of most kernels; what it does to bridged packets is half of the cases.
modprobe -q br_netfilter 2>/dev/null
calls=(0 1)
if [ ! -e /proc/sys/net/bridge/bridge-nf-call-iptables ]; then
    calls=(none)
    skip 'with br_netfilter' 'this kernel has none'
fi
id=kf$$
declare -A address=([front]=10 [store-1]=20 [store-2]=21 [app]=30)
servers=()

in_ns() { # NAMESPACE COMMAND...
    local ns=$id-$1
    shift
    ip netns exec "$ns" "$@"
}
run_agent() { in_ns m "$agent" --machine "$machine" --state "$scratch/state" --run "$scratch/run" "$@"; }

# TCP servers that accept and close; one UDP server that sends back what it got.
cat >"$scratch/serve.py" <<'PY'
import selectors, socket, sys
sel = selectors.DefaultSelector()
for arg in sys.argv[1:]:
    kind, port = arg.split(":")
    family = socket.AF_INET6 if kind == "tcp6" else socket.AF_INET
    s = socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("::" if kind == "tcp6" else "0.0.0.0", int(port)))
    if kind != "udp":
        s.listen()
    sel.register(s, selectors.EVENT_READ, kind)
print("up", flush=True)
while True:
    for key, _ in sel.select():
        if key.data == "udp":
            data, who = key.fileobj.recvfrom(100)
            key.fileobj.sendto(data, who)
        else:
            key.fileobj.accept()[0].close()
PY
cat >"$scratch/try.py" <<'PY'
import socket, sys
kind, address, port, source = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.settimeout(0.4)
if source:
    s.bind(("", source))
s.connect(socket.getaddrinfo(address, port, family)[0][4])
if kind == "udp":
    s.send(b"x")
    s.recv(10)
PY

serve() { # NAMESPACE KIND:PORT...
    local ns=$1
    shift
    # Not through in_ns: a function in the background is a shell of its own, and $! were that one.
    ip netns exec "$id-$ns" python3 "$scratch/serve.py" "$@" >"$scratch/up-$ns" 2>&1 &
    servers+=($!)
    for _ in $(seq 100); do
        grep -q up "$scratch/up-$ns" && return
        sleep 0.05
    done
    echo "server in $ns does not start: $(cat "$scratch/up-$ns")" >&2
    return 1
}

container() { # NAME: a namespace with a leg on the bridge
    local n=$1
    ip netns add "$id-$n"
    ip link add "v${address[$n]}$id" type veth peer name eth0 netns "$id-$n"
    ip link set "v${address[$n]}$id" netns "$id-m"
    in_ns m ip link set "v${address[$n]}$id" master kiln0 up
    in_ns "$n" ip link set lo up
    in_ns "$n" ip address add "10.213.0.${address[$n]}/24" dev eth0
    in_ns "$n" ip link set eth0 up
    in_ns "$n" ip route add default via 10.213.0.1
}

tear_down() {
    local ns
    for pid in "${servers[@]}"; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
    servers=()
    for ns in m lan "${!address[@]}"; do ip netns delete "$id-$ns" 2>/dev/null; done
    rm -rf "$scratch/run" "$scratch/state"
}
at_exit tear_down

# What podman's netavark does for a published port and for the way out.
netavark() {
    in_ns m nft -f - <<'NFT'
table inet netavark {
	chain prerouting { type nat hook prerouting priority -100; fib daddr type local tcp dport 443 dnat ip to 10.213.0.10:8443; }
	chain output { type nat hook output priority -100; fib daddr type local tcp dport 443 dnat ip to 10.213.0.10:8443; }
	chain postrouting { type nat hook postrouting priority 100; ip saddr 10.213.0.0/24 ip daddr != 10.213.0.0/24 masquerade; ip saddr 10.213.0.0/24 ct status dnat masquerade; }
}
NFT
}

set_up() { # before|after CALL-IPTABLES
    ip netns add "$id-m"
    ip netns add "$id-lan"
    in_ns m ip link set lo up
    in_ns m sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.accept_redirects=0 net.ipv4.conf.all.send_redirects=0
    [ "$1" = after ] || run_agent firewall
    in_ns m ip link add kiln0 type bridge
    in_ns m ip address add 10.213.0.1/24 dev kiln0
    in_ns m ip link set kiln0 up
    [ "$2" = none ] || in_ns m sysctl -qw net.bridge.bridge-nf-call-iptables="$2"
    for n in "${!address[@]}"; do container "$n"; done
    ip link add "w$id" type veth peer name eth0 netns "$id-lan"
    ip link set "w$id" netns "$id-m"
    in_ns m ip address add 192.0.2.1/24 dev "w$id"
    in_ns m ip link set "w$id" up
    in_ns lan ip address add 192.0.2.2/24 dev eth0
    in_ns lan ip link set eth0 up
    in_ns lan ip route add 10.213.0.0/24 via 192.0.2.1
    netavark
    [ "$1" = before ] || run_agent firewall
    serve m tcp:53 udp:53 tcp:22 tcp:443 # the last as podman holds what it publishes
    serve lan tcp:587 tcp:25
    serve front tcp:8443 udp:514 udp:515 tcp6:9000
    serve store-1 tcp:5432 tcp:5433
    serve store-2 tcp:7000
    serve app tcp:80
}

reaches() { # NAME FROM KIND ADDRESS PORT [SOURCE-PORT]
    check "$case: $1" in_ns "$2" python3 "$scratch/try.py" "$3" "$4" "$5" "${6:-0}"
}
blocked() {
    if in_ns "$2" python3 "$scratch/try.py" "$3" "$4" "$5" "${6:-0}" >/dev/null 2>&1; then
        not_ok "$case: $1" "$2 reached $4:$5/$3"
    else
        ok "$case: $1"
    fi
}
refusals() { # FROM TO PORT PROTOCOL: packets counted
    run_agent status --json | jq --arg f "$1" --arg t "$2" --argjson p "$3" --arg x "$4" \
        '[.refusals[] | select(.from == $f and .to == $t and .port == $p and .protocol == $x) | .packets] | add // 0'
}
counted() {
    if [ "$(refusals "$@")" -gt 0 ]; then ok "$case: the refusal $1 -> $2:$3 is counted"; else
        not_ok "$case: the refusal $1 -> $2:$3 is counted" "$(run_agent status)"
    fi
}

between_containers() {
    reaches 'a claimed port answers' app tcp 10.213.0.20 5432
    reaches 'a claimed UDP port answers' app udp 10.213.0.10 514
    reaches 'containers of one service reach each other' store-1 tcp 10.213.0.21 7000
    blocked 'another port of the same container' app tcp 10.213.0.20 5433
    blocked 'another UDP port' app udp 10.213.0.10 515
    blocked 'the way back is no way there' store-1 tcp 10.213.0.30 80
    blocked 'nor from the port that was claimed' store-1 tcp 10.213.0.30 80 5432
    blocked 'a container without a claim' front tcp 10.213.0.20 5432
    counted app store-1 5433 tcp
    counted store-1 app 80 tcp
    counted app front 515 udp
}
into_the_machine() {
    reaches 'DNS over TCP at the gateway' app tcp 10.213.0.1 53
    reaches 'DNS over UDP at the gateway' app udp 10.213.0.1 53
    blocked 'a listener on the gateway' app tcp 10.213.0.1 22
    blocked "a listener on the machine's other address" app tcp 192.0.2.1 22
    blocked 'a published port, by the gateway' app tcp 10.213.0.1 443
    blocked "a published port, by the machine's address" app tcp 192.0.2.1 443
    counted app 'the machine' 22 tcp
    counted app front 8443 tcp
    in_ns store-1 ip route add 10.213.0.30/32 via 10.213.0.1
    blocked 'a container that routes through the gateway' store-1 tcp 10.213.0.30 80
    in_ns store-1 ip route del 10.213.0.30/32
}
around_the_machine() {
    reaches 'the machine itself reaches every container' m tcp 10.213.0.20 5433
    reaches 'a published port from the LAN' lan tcp 192.0.2.1 443
    in_ns m nft delete table inet netavark
    same "$case: a published port that is not translated yet is refused, not held" refused "$(in_ns lan python3 "$scratch/try.py" tcp 192.0.2.1 443 0 2>&1 | grep -o refused)"
    same "$case: to the machine itself as well" refused "$(in_ns m python3 "$scratch/try.py" tcp 192.0.2.1 443 0 2>&1 | grep -o refused)"
    netavark
    reaches 'and when it is, it answers' lan tcp 192.0.2.1 443
    blocked 'a published container behind its port' lan tcp 10.213.0.10 8443
    blocked 'a container that is not published, by a route' lan tcp 10.213.0.20 5432
    reaches 'declared egress' app tcp 192.0.2.2 587
    blocked 'other egress' app tcp 192.0.2.2 25
    blocked 'egress of another container' front tcp 192.0.2.2 587
}
link_local() {
    local to
    for _ in $(seq 60); do # duplicate address detection
        to=$(in_ns front ip -6 -o address show dev eth0 scope link -tentative | sed -n 's/.*inet6 \([^/]*\).*/\1/p')
        [ -n "$to" ] && [ -n "$(in_ns app ip -6 -o address show dev eth0 scope link -tentative)" ] && break
        sleep 0.1
    done
    blocked 'IPv6 link-local' app tcp "$to%eth0" 9000
}

for order in before after; do
    for call in "${calls[@]}"; do
        case="loaded $order the bridge, call-iptables $call"
        set_up "$order" "$call" || not_ok "$case: set up"
        between_containers
        into_the_machine
        around_the_machine
        link_local
        before=$(refusals app store-1 5433 tcp)
        check "$case: loading again" run_agent firewall
        same "$case: loading the same again keeps the counters" "$before" "$(refusals app store-1 5433 tcp)"
        tear_down
    done
done

# The probe of this test: without the tables everything that was blocked is open.
case='no tables'
set_up after "${calls[0]}"
in_ns m nft delete table bridge kiln
in_ns m nft delete table inet kiln
reaches 'an unclaimed port is open' app tcp 10.213.0.20 5433
reaches 'the gateway is open' app tcp 10.213.0.1 22
reaches 'published ports are open inside' app tcp 192.0.2.1 443
reaches 'a LAN host gets in' lan tcp 10.213.0.20 5432
check "$case: and the agent loads them anew" run_agent firewall
blocked 'then it is closed again' app tcp 10.213.0.20 5433
