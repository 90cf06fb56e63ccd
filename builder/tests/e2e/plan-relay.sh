#!/usr/bin/env bash
# Mail's way out, as planned: nothing leaves without a relay, what does not go together is refused, and the password is one that
# the machine is given. Names that a provider does not take are told at their place.
# level: quick
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

export KILN_DATA=$repo
cd "$scratch" || exit
mail() { # SETTINGS of mail
    printf 'profile: site\nservices: [mail]\nsettings:\n  mail: {%s}\n' "$1" >site.yaml
}
egress() {
    "$kiln" plan site.yaml --json | jq -c '[.services[].egress[]], .given'
}
mail ''
same 'nothing leaves, and nothing is wanted' "$(printf '[]\n[]')" "$(egress)"
mail 'relay: smtp.example.org'
same 'Postfix may leave to one port' "$(printf '%s\n[]' '[{"containers":["postfix"],"port":587,"protocol":"tcp","to":"any"}]')" "$(egress)"
mail 'relay: smtp.example.org, relay_port: 465, relay_tls: tls, relay_user: us, sender: us@example.org, copy: ops@example.org'
same 'with a login its password is wanted' "$(printf '%s\n["mail/relay"]' '[{"containers":["postfix"],"port":465,"protocol":"tcp","to":"any"}]')" "$(egress)"

mail_refused() { # NAME SETTINGS COLUMN TEXT
    mail "$2"
    refused "$1" 2 "kiln: error: site.yaml:4:$3: $4" "$kiln" plan site.yaml
}
mail_refused 'a login at nobody' 'relay_user: us' 9 "mail: \`relay_user:\` without \`relay:\`"
mail_refused 'a copy that does not leave' 'copy: ops@example.org' 9 "mail: \`copy:\` without \`relay:\`: nothing leaves the machine"
mail_refused 'a sender of mail that does not leave' 'sender: ops@example.org' 9 "mail: \`sender:\` without \`relay:\`: nothing leaves the machine"
mail_refused 'a password in plain text' 'relay: smtp.example.org, relay_tls: none, relay_user: us' 9 \
    "mail: \`relay_user:\` with \`relay_tls: none\` would send the password for all to read"
mail_refused 'the port of the other TLS' 'relay: smtp.example.org, relay_port: 465' 9 "mail: port 465 wants \`relay_tls: tls\`"
mail_refused 'a relay that is no name' 'relay: "smtp.example.org x"' 17 "relay: expected a host name, found 'smtp.example.org x'"
mail_refused 'a copy to no address' 'relay: smtp.example.org, copy: ops' 41 "copy: expected an address such as operators@example.org, found 'ops'"

mkdir -p overlays/devops/app
claim_refused() { # NAME PROVIDER CLAIM COLUMN TEXT
    printf 'profile: site\nservices: [app, %s]\n' "$2" >site.yaml
    printf 'service: app\nsummary: An application\ncontainers: {app: {image: {packages: [nginx-light]}}}\nclaims:\n  %s\n' "$3" >overlays/devops/app/service.yaml
    refused "$1" 2 "kiln: error: overlays/devops/app/service.yaml:5:$4: $5" "$kiln" plan site.yaml
}
claim_refused 'a mailbox with a capital' mail 'x: {mailbox: {name: Ada}}' 23 "name: expected lower-case letters, digits, _ and -, found 'Ada'"
claim_refused 'a bucket with two letters' versitygw 'x: {bucket: {name: ab}}' 22 \
    "name: expected 3 to 63 lower-case letters, digits and -, with no - at an end, found 'ab'"
claim_refused 'a database of CouchDB with a capital' couchdb 'x: {couch: {name: Docs}}' 21 "name: expected lower-case letters, digits, _ and -, found 'Docs'"
claim_refused 'a host with an underscore' front 'x: {route: {host: my_page, port: 80}}' 21 \
    "host: expected a host name of lower-case letters, digits and -, with no - at an end, found 'my_page'"
