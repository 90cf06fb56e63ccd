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

at='kiln: error: site.yaml:4:9: mail:'
mail 'relay_user: us'
refused 'a login at nobody' 2 "$at \`relay_user:\` without \`relay:\`" "$kiln" plan site.yaml
mail 'copy: ops@example.org'
refused 'a copy that does not leave' 2 "$at \`copy:\` without \`relay:\`: nothing leaves the machine" "$kiln" plan site.yaml
mail 'sender: ops@example.org'
refused 'a sender of mail that does not leave' 2 "$at \`sender:\` without \`relay:\`: nothing leaves the machine" "$kiln" plan site.yaml
mail 'relay: smtp.example.org, relay_tls: none, relay_user: us'
refused 'a password in plain text' 2 "$at \`relay_user:\` with \`relay_tls: none\` would send the password for all to read" "$kiln" plan site.yaml
mail 'relay: smtp.example.org, relay_port: 465'
refused 'the port of the other TLS' 2 "$at port 465 wants \`relay_tls: tls\`" "$kiln" plan site.yaml
mail 'relay: "smtp.example.org x"'
refused 'a relay that is no name' 2 "kiln: error: site.yaml:4:17: relay: expected a host name, found 'smtp.example.org x'" "$kiln" plan site.yaml
mail 'relay: smtp.example.org, copy: ops'
refused 'a copy to no address' 2 "kiln: error: site.yaml:4:41: copy: expected an address such as operators@example.org, found 'ops'" "$kiln" plan site.yaml

mkdir -p overlays/devops/app
claim() { # PROVIDER CLAIM
    printf 'profile: site\nservices: [app, %s]\n' "$1" >site.yaml
    printf 'service: app\nsummary: An application\ncontainers: {app: {image: {packages: [nginx-light]}}}\nclaims:\n  %s\n' "$2" >overlays/devops/app/service.yaml
}
at='kiln: error: overlays/devops/app/service.yaml'
claim mail 'x: {mailbox: {name: Ada}}'
refused 'a mailbox with a capital' 2 "$at:5:23: name: expected lower-case letters, digits, _ and -, found 'Ada'" "$kiln" plan site.yaml
claim 'versitygw' 'x: {bucket: {name: ab}}'
refused 'a bucket with two letters' 2 "$at:5:22: name: expected 3 to 63 lower-case letters, digits and -, with no - at an end, found 'ab'" "$kiln" plan site.yaml
claim couchdb 'x: {couch: {name: Docs}}'
refused 'a database of CouchDB with a capital' 2 "$at:5:21: name: expected lower-case letters, digits, _ and -, found 'Docs'" "$kiln" plan site.yaml
claim front 'x: {route: {host: my_page, port: 80}}'
refused 'a host with an underscore' 2 "$at:5:21: host: expected a host name of lower-case letters, digits and -, with no - at an end, found 'my_page'" "$kiln" plan site.yaml
