# shellcheck shell=bash disable=SC2154 # scratch and repo are lib.bash's
# A registry on loopback with TLS and one user. Everything is in the working directory.
password=open-sesame

make_certificates() { # ca.pem, server.pem, server.key
    cat >openssl.conf <<END
[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical, CA:TRUE
[server]
subjectAltName = IP:127.0.0.1, DNS:localhost
END
    {
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=kiln test CA' -config openssl.conf \
            -extensions ca -keyout ca.key -out ca.pem
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -config openssl.conf -keyout server.key -out server.csr
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile openssl.conf -extensions server -out server.pem
    } >openssl.log 2>&1 || echo "# openssl failed: $(tail -n 3 openssl.log)"
}
registry_begin() { # works in the scratch directory: certificates there, credentials of nobody else's, no proxy between
    export REGISTRY_AUTH_FILE=$scratch/auth.json XDG_RUNTIME_DIR=$scratch
    unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
    cd "$scratch" || exit 1
    make_certificates
}
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
wait_for() { # PORT
    local i
    for ((i = 0; i < 100; i++)); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
        sleep 0.1
    done
    echo "# nothing answers at port $1"
}
run_registry() { # sets registry; the user is "user", with $password
    local port
    port=$(free_port)
    registry=127.0.0.1:$port
    # shellcheck disable=SC2016 # bcrypt of the password
    echo 'user:$2y$05$e3qkFlBjDaePFZVo.IxKB.Fb0jzzJ.ZQpkJVs9jWhznaDloLWXgTW' >htpasswd
    cat >registry.yml <<END
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $scratch/registry}}
http: {addr: "$registry", tls: {certificate: $scratch/server.pem, key: $scratch/server.key}}
auth: {htpasswd: {realm: test, path: $scratch/htpasswd}}
END
    # It takes every variable REGISTRY_... for a setting of its own.
    env -u REGISTRY_AUTH_FILE docker-registry serve registry.yml >registry.log 2>&1 &
    at_exit kill $!
    wait_for "$port"
}
run_told_registry() { # LAYOUT: one that misbehaves as told; sets registry and its port, and plain, where it is told
    python3 "$repo/builder/tests/tools/registry.py" "$1" server.pem server.key "user:$password" "$1.ports" &
    at_exit kill $!
    local i
    for ((i = 0; i < 600; i++)); do if [ -e "$1.ports" ]; then break; else sleep 0.1; fi; done
    read -r port _ plain <"$1.ports"
    registry=127.0.0.1:$port
}
tell() { # JSON [PLAIN]: what the server shall do; its requests so far are in the file `log`
    exec 3<>"/dev/tcp/127.0.0.1/${2:-$plain}"
    printf 'POST / HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s' ${#1} "$1" >&3
    sed '1,/^\r$/d' <&3 >log
    exec 3>&-
}
credentials() { # USER PASSWORD: for kiln
    printf '{"auths": {"%s": {"auth": "%s"}}}' "$registry" "$(printf '%s:%s' "$1" "$2" | base64 -w0)" >auth.json
}
push() { # FROM PATH OPTION...
    skopeo copy -q --dest-tls-verify=false --dest-creds "user:$password" "${@:3}" "$1" "docker://$registry/$2" ||
        echo "# skopeo: cannot push $1"
}
