#!/usr/bin/env bash
# A real Java trusts, by the truststore that the agent makes, a server with a certificate of the appliance: without a
# password and with any; and nobody else's. The JDK is no dependency of kiln: where there is none this is skipped.
# level: quick
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"

for tool in java javac keytool openssl; do
    command -v $tool >/dev/null || { skip 'a truststore in Java' "needs $tool"; exit; }
done
cd "$scratch" || exit 1
agent() { "$build/kiln-agent" --machine "$repo/builder/tests/golden/agent/machine.json" --state "$scratch/$1" --run "$scratch/$1/run" "$2" 2>/dev/null; }
# The second appliance is one that nobody here trusts.
for a in ours other; do
    if ! { agent $a secrets && agent $a render; }; then not_ok "the CA of $a"; fi
done
list() { keytool -list -storetype PKCS12 -keystore ours/run/ca.p12 "$@" </dev/null 2>/dev/null; }
print=$(openssl x509 -in ours/run/ca.crt -noout -fingerprint -sha256)
want="1 entry
kiln-1 trustedCertEntry
${print#*=}"
entries() { sed -nE 's/^Your keystore contains (.*)$/\1/p; s/^([^ ,]+), .*, (trustedCertEntry), *$/\1 \2/p; s/^Certificate fingerprint \(SHA-256\): //p'; }
same 'keytool lists it, without a password' "$want" "$(list | entries)"
same 'and with any' "$want" "$(list -storepass whatever | entries)"

cat >Client.java <<'END'
import java.net.URL;
import javax.net.ssl.HttpsURLConnection;

public class Client {
    public static void main(String[] a) throws Exception {
        HttpsURLConnection c = (HttpsURLConnection) new URL(a[0]).openConnection();
        System.out.println(c.getResponseCode() + " " + c.getPeerPrincipal());
    }
}
END
check 'a client' javac --release 11 Client.java
echo '127.0.0.1 front' >hosts
serve() { # APPLIANCE: its front door; sets $port
    local i
    port=
    openssl s_server -www -accept 127.0.0.1:0 -cert "$1/secrets/front/tls/cert.pem" -key "$1/secrets/front/tls/key.pem" >"$1/log" 2>&1 &
    at_exit kill $!
    for ((i = 0; i < 100; i++)); do
        port=$(sed -n 's/^ACCEPT .*:\([0-9]*\)$/\1/p' "$1/log")
        [ -z "$port" ] || return 0
        sleep 0.1
    done
    return 1
}
client() { java -Djdk.net.hosts.file=hosts "$@" Client "https://front:$port/" 2>&1 | head -n 1; }
store=(-Djavax.net.ssl.trustStore="$scratch/ours/run/ca.p12" -Djavax.net.ssl.trustStoreType=PKCS12)
refusal='Exception in thread "main" javax.net.ssl.SSLHandshakeException: PKIX path building failed: sun.security.provider.certpath.SunCertPathBuilderException: unable to find valid certification path to requested target'
serve ours || not_ok 'a server'
same 'a server with a certificate of the appliance is trusted, without a password' '200 CN=kiln.internal' "$(client "${store[@]}")"
same 'and with any' '200 CN=kiln.internal' "$(client "${store[@]}" -Djavax.net.ssl.trustStorePassword=changeit)"
same 'not without the truststore' "$refusal" "$(client)"
serve other || not_ok 'another server'
same "another appliance's is not trusted" "$refusal" "$(client "${store[@]}")"
