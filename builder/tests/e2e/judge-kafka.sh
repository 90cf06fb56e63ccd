#!/usr/bin/env bash
# What judges the loss of a broker of Kafka (qemu-test/overlays/messaging/courier), before stand-ins for podman and the brokers: what it
# must not let pass. The real ones are in vm-messaging-nspawn.
# level: quick
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

courier=$repo/qemu-test/overlays/messaging/courier
cd "$scratch" || exit 1
mkdir bin stub

# Each question is answered from a file: how many records are acknowledged by partition, who leads, what topics there are. Every look at the
# ledger adds to it what the file "more" says.
cat >bin/podman <<'END'
#!/usr/bin/env bash
case "$*" in
'exec courier grep -c  0$ /tmp/ledger')
    cat more >>ledger
    grep -c ' 0$' ledger ;;
'exec courier ledger leader') head -n 1 leader && sed -i 1d leader ;;
'exec courier ledger judge') echo 'PASS ledger' ;;
'exec courier tail -n 1 /tmp/ledger') echo end ;;
*--describe*) cat topics ;;
esac
END
printf '#!/bin/sh\n' >bin/systemctl
printf '#!/bin/sh\nexec /bin/sleep 0.01\n' >bin/sleep
chmod +x bin/*
for p in 0 1; do for ((i = 0; i < 200; i++)); do echo "$i.0 $i $p"; done >"more-$p"; done

lose() { # MORE LEADER...: what lose-broker says when that is acknowledged at every look, and these lead one after the other
    cp "$1" more
    : >ledger
    printf '%s\n' "${@:2}" >leader
    # Not for as long as it would wait, but long enough on a machine with other work.
    # shellcheck disable=SC2016 # as it stands in the script
    sed -E 's/\bSECONDS \+ \$2/SECONDS + 5/' "$courier/lose-broker" | PATH=$scratch/bin:$PATH bash 2>&1
    echo "status $?"
}
same 'another broker leads, and writing goes on' '  kafka-2 led, and is killed
  kafka-3 leads without it, and writing goes on
PASS ledger
status 0' "$(lose more-0 kafka-2 kafka-3)"
same 'the other partition alone is no writing' 'FAIL only 0 of 300 records are acknowledged in partition 0
status 1' "$(lose more-1 kafka-2 kafka-3)"
same 'the one that is away cannot lead' '  kafka-2 led, and is killed
FAIL kafka-2 is away, and kafka-2 leads
status 1' "$(lose more-0 kafka-2 kafka-2)"
same 'nor can nobody' '  kafka-2 led, and is killed
FAIL kafka-2 is away, and kafka--1 leads
status 1' "$(lose more-0 kafka-2 kafka--1)"

topic() { # NAME REPLICAS CONFIGS
    printf 'Topic: %s\tTopicId: x\tPartitionCount: 2\tReplicationFactor: %s\tConfigs: %s\n\tTopic: %s\tPartition: 0\n' "$1" "$2" "$3" "$1"
}
topics() { # what list-topics says of stdin
    cat >topics
    PATH=$scratch/bin:$PATH bash "$courier/list-topics" 2>&1
    echo "status $?"
}
same 'topics as they should be' $'Topic: letters\tTopicId: x\tPartitionCount: 2\tReplicationFactor: 3
Topic: orders\tTopicId: x\tPartitionCount: 2\tReplicationFactor: 3
PASS 2 topics: three replicas each, two of them in sync
status 0' "$(topics < <(topic orders 3 min.insync.replicas=2,retention.ms=1 && topic letters 3 retention.ms=1,min.insync.replicas=2 &&
    topic __consumer_offsets 3 compression.type=producer,min.insync.replicas=2,cleanup.policy=compact))"
same 'one is on one broker only' $'Topic: orders\tTopicId: x\tPartitionCount: 2\tReplicationFactor: 1
FAIL not on three brokers, two in sync: orders (ReplicationFactor: 1, Configs: min.insync.replicas=2)
status 1' "$(topics < <(topic orders 1 min.insync.replicas=2))"
same 'one is acknowledged by one' $'Topic: orders\tTopicId: x\tPartitionCount: 2\tReplicationFactor: 3
FAIL not on three brokers, two in sync: orders (ReplicationFactor: 3, Configs: min.insync.replicas=1)
status 1' "$(topics < <(topic orders 3 min.insync.replicas=1))"
same 'one of Kafka itself is' $'Topic: orders\tTopicId: x\tPartitionCount: 2\tReplicationFactor: 3
FAIL not on three brokers, two in sync: __consumer_offsets (ReplicationFactor: 3, Configs: cleanup.policy=compact)
status 1' "$(topics < <(topic orders 3 min.insync.replicas=2 && topic __consumer_offsets 3 cleanup.policy=compact))"

# A client's library that reads records from a file, a number a line.
mkdir -p stub/confluent_kafka
cat >stub/confluent_kafka/__init__.py <<'END'
import types


class Message:
    def __init__(self, value, error=None):
        self.value, self.error = lambda: value, lambda: error


class Consumer:
    def __init__(self, settings):
        self.left = [Message(f"ledger {n}".encode()) for n in open("records").read().split()]
        self.left += [Message(b"", types.SimpleNamespace(name=lambda: "_PARTITION_EOF"))] * 2

    def list_topics(self, topic, timeout):
        return types.SimpleNamespace(topics={topic: types.SimpleNamespace(partitions={0: None, 1: None})})

    def assign(self, _):
        pass

    def poll(self, _):
        return self.left.pop(0) if self.left else None


KafkaError = KafkaException = Producer = object
TopicPartition = lambda *_: None
END
printf 'AdminClient = NewTopic = object\n' >stub/confluent_kafka/admin.py
judge() { # PAUSE: what is said of 600 acknowledged records in two partitions, with so many seconds without one in the middle of each
    awk -v pause="$1" 'BEGIN { for (i = 0; i < 600; i++) printf "%.1f %d %d\n", i / 10 + (i < 300 ? 0 : pause), i, i % 2; print "end" }' >judged
    sed 's#/usr/local/bin/check-topic#'"$courier"'/check-topic#' "$courier/ledger" >ledger.py
    env PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$scratch/stub" LEDGER=judged PARCELS_TOPIC=parcels GROUP=courier. BROKERS=x CA=x MECHANISM=x PARCELS_USER=x PARCELS_PASSWORD=x \
        python3 -W ignore ledger.py judge 2>&1
    echo "status $?"
}
seq 0 599 >records
same 'all there, a pause of less than a minute' '  600 records acknowledged, 600 there, 0 of the acknowledged lost; longest without one: 50.2 s in partition 0, 50.2 s in partition 1
PASS ledger
status 0' "$(judge 50)"
same 'more than a minute' '  600 records acknowledged, 600 there, 0 of the acknowledged lost; longest without one: 61.2 s in partition 0, 61.2 s in partition 1
FAIL 61.2 s without an acknowledged record, 60 at most
status 1' "$(judge 61)"
seq 0 598 >records
same 'one that was acknowledged is gone' '  600 records acknowledged, 599 there, 1 of the acknowledged lost; longest without one: 5.2 s in partition 0, 5.2 s in partition 1
FAIL [599] 0 partitions not read to their end
status 1' "$(judge 5)"
