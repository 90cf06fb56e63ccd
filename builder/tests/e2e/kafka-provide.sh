#!/usr/bin/env bash
# What makes a claim on a topic of Kafka true, before a stand-in for Kafka's tools: what they are asked for, whether the topic is there or not.
# level: quick
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

cd "$scratch" || exit 1
mkdir bin
cat >bin/kafka-topics.sh <<'END'
#!/usr/bin/env bash
shift 4 # where it asks
echo "topics $*" >>asked
case $1 in
--create) [ -s there ] || echo "Created topic $4." ;;
--describe) cat there ;;
esac
END
printf '#!/bin/sh\nshift 4\necho "configs $*" >>asked\n' >bin/kafka-configs.sh
chmod +x bin/*
sed "s#/opt/kafka/bin/#$scratch/bin/#; s#/tmp/provide.lock#$scratch/lock#" "$repo/overlays/messaging/kafka/provide" >provide
asked() { # ARG...: of the script; what it asked Kafka's tools
    rm -f asked
    bash provide "$@" >said 2>&1
    local status=$?
    cat asked said 2>/dev/null
    [ $status = 0 ] || echo "status $status"
}

: >there
same 'a new topic has what the claim says' 'topics --create --if-not-exists --topic orders --partitions 3 --config retention.ms=3600000' "$(asked topic orders 3 1h 7d)"
same 'and what the service says where the claim says nothing' 'topics --create --if-not-exists --topic orders --partitions 1 --config retention.ms=172800000' "$(asked topic orders 0 0s 2d)"
for one in 250ms:250 90:90000 90s:90000 5m:300000 2d:172800000; do
    same "${one%:*} in milliseconds" "topics --create --if-not-exists --topic t --partitions 1 --config retention.ms=${one#*:}" "$(asked topic t 0 "${one%:*}" 7d)"
done
same 'no duration is refused, before anything is asked' 'no duration: 7y
status 1' "$(asked topic orders 0 7y 7d)"

printf 'Topic: orders\tTopicId: x\tPartitionCount: 3\tReplicationFactor: 3\tConfigs: min.insync.replicas=2,retention.ms=3600000\n' >there
create='topics --create --if-not-exists --topic orders --partitions 3 --config retention.ms=3600000
topics --describe --topic orders'
same 'a topic that is there as the claim says is left alone' "$create" "$(asked topic orders 3 1h 7d)"
same 'a claim that says nothing changes nothing' "${create/partitions 3 --config retention.ms=3600000/partitions 1 --config retention.ms=604800000}" "$(asked topic orders 0 0s 7d)"
same 'partitions never become fewer' "${create/partitions 3/partitions 2}" "$(asked topic orders 2 1h 7d)"
same 'but more' "${create/partitions 3/partitions 5}
topics --alter --topic orders --partitions 5" "$(asked topic orders 5 1h 7d)"
same 'another retention is brought about' "${create/3600000/7200000}
configs --alter --entity-type topics --entity-name orders --add-config retention.ms=7200000" "$(asked topic orders 3 2h 7d)"
