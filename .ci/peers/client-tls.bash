# Sourced by `run`: our client with TLS and AUTH into Postfix, Dovecot and Exim.
# shellcheck shell=bash disable=SC2154 # variables of `run` and harness.bash

with_password=(PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256)
with_token=(XOAUTH2 OAUTHBEARER)
certificates=

make_credentials() {
    certificates=$work/certificates
    "$here/certificates" "$certificates"
    echo secret >"$work/password"
    echo not-secret >"$work/wrong-password"
    echo not-a-token >"$work/wrong-token"
}

# --- servers ----------------------------------------------------------------------------------

# Ports, in this order: STARTTLS offered, where Dovecot delivers, too; STARTTLS and AUTH required; TLS
# from the first octet; no TLS, but AUTH; three with certificates to refuse; and TLS 1.2 at most.
exec_mail_server() {
    exec_postfix \
        "smtpd_tls_cert_file=$certificates/server.pem" "smtpd_tls_key_file=$certificates/server.key" \
        smtpd_tls_security_level=may smtpd_tls_received_header=yes smtpd_tls_loglevel=1 \
        smtpd_sasl_type=dovecot "smtpd_sasl_path=$work/dovecot/run/auth-client" \
        "+${ports[1]}" smtpd_tls_security_level=encrypt smtpd_sasl_auth_enable=yes \
        smtpd_client_restrictions=permit_sasl_authenticated,reject \
        "+${ports[2]}" smtpd_tls_wrappermode=yes smtpd_sasl_auth_enable=yes \
        "+${ports[3]}" smtpd_tls_security_level=none smtpd_sasl_auth_enable=yes syslog_name=no-tls \
        "+${ports[4]}" "smtpd_tls_cert_file=$certificates/elsewhere.pem" syslog_name=elsewhere \
        "+${ports[5]}" "smtpd_tls_cert_file=$certificates/expired.pem" syslog_name=expired \
        "+${ports[6]}" "smtpd_tls_cert_file=$certificates/unknown.pem" syslog_name=unknown \
        "+${ports[7]}" smtpd_tls_protocols=TLSv1.2
}

start_mail_server() {
    start_server mail-server READY exec_mail_server || return 1
    server_log=$dir/log
}

exec_dovecot() { # RELAY-PORT
    exec "$here/dovecot" "$port" "${ports[1]}" "$dir" "$certificates" "$1"
}

exec_exim() { # [RELAY-PORT]
    exec "$here/exim" "$port" "${ports[1]}" "$dir" "$certificates" "$@"
}

# --- what our client is told ------------------------------------------------------------------

bob_to_alice() { # CODE OPTION...; keeps what the client prints in dialogue
    local code=$1
    shift
    our_client "$code" --ca "$certificates/ca.pem" "$@" \
        --from bob@example.test --to alice@example.test "$file" 2>&1 | tee "$work/dialogue"
}

shows_no_secret() {
    lacks '^C: (AUTH [A-Z0-9-]+ [^*=]|[A-Za-z0-9+/=]{12}|c2VjcmV0)' "$work/dialogue" # "secret"
}

says() { # PATTERN
    grep -qiE "$1" "$work/dialogue" || {
        echo "the client does not say: $1"
        return 1
    }
}

log_has() { # PATTERN
    wait_until 10 grep -qE "$1" "$server_log" || {
        echo "the server's log has no $1"
        return 1
    }
}

not_delivered() {
    "${mail[@]}" stored "$file" bob@example.test 0 "$dir/mail/alice"
}

arrived_by() { # PROTOCOL
    in_mailbox alice
    came_by "$1" "$dir/mail/alice"
}

credentials() { # MECHANISM right|wrong; sets credentials
    local wrong=
    [[ $2 == right ]] || wrong=wrong-
    credentials=(--mechanism "$1")
    case $1 in
    EXTERNAL)
        local who=alice
        [[ $2 == right ]] || who=mallory
        credentials+=(--external --cert "$certificates/$who.pem" --key "$certificates/$who.key")
        ;;
    XOAUTH2 | OAUTHBEARER)
        credentials+=(--user alice@example.test --token-file "$work/${wrong}token")
        ;;
    *)
        credentials+=(--user alice@example.test --password-file "$work/${wrong}password")
        ;;
    esac
}

# --- TLS --------------------------------------------------------------------------------------

client_sends_with_tls() { # ID PROTOCOL OPTION...
    write_message "tls-$1"
    bob_to_alice 0 "${@:3}"
    arrived_by "$2"
}

disconnects() { # NAME; NAME is what the server at this port calls itself in the log
    grep -E "$1/smtpd.*: disconnect from" "$server_log" || true
}

more_disconnects() { # NAME THAN
    (($(disconnects "$1" | wc -l) > $2))
}

client_refuses() { # ID NAME PATTERN OPTION...; fails if the server has seen AUTH or MAIL
    local before
    write_message "refuses-$1"
    before=$(disconnects "$2" | wc -l)
    bob_to_alice 5 "${@:4}"
    says "$3"
    not_delivered
    wait_until 10 more_disconnects "$2" "$before"
    disconnects "$2" | tail -n "+$((before + 1))" >"$work/disconnects"
    lacks " (auth|mail)=" "$work/disconnects"
}

check_tls_into_postfix() {
    port=${ports[0]}
    check "our client -> Postfix, STARTTLS required" \
        client_sends_with_tls required ESMTPS --tls required
    check "our client -> Postfix, STARTTLS required, name of the certificate given" \
        client_sends_with_tls name ESMTPS --tls required --tls-name mx.example.test
    check "our client -> Postfix, STARTTLS opportunistic" \
        client_sends_with_tls opportunistic ESMTPS --tls opportunistic
    port=${ports[2]}
    check "our client -> Postfix, TLS from the first octet" \
        client_sends_with_tls implicit ESMTPS --tls implicit
    port=${ports[7]}
    check "our client -> Postfix, TLS 1.2" client_sends_with_tls 1-2 ESMTPS --tls required
    port=${ports[3]}
    check "our client -> Postfix without STARTTLS, required" \
        client_refuses no-tls no-tls starttls --tls required
    check "our client -> Postfix without STARTTLS, opportunistic" \
        client_sends_with_tls clear ESMTP --tls opportunistic
    port=${ports[4]}
    check "our client -> Postfix, certificate for another name" \
        client_refuses elsewhere elsewhere name --tls required
    port=${ports[5]}
    check "our client -> Postfix, certificate out of date" \
        client_refuses expired expired expired --tls required
    port=${ports[6]}
    check "our client -> Postfix, certificate of an unknown issuer" \
        client_refuses unknown unknown issuer --tls required
}

exec_injector() {
    exec "${mail[@]}" inject-replies "$port" "$certificates/server.pem" "$certificates/server.key"
}

client_does_not_believe() {
    write_message injected
    bob_to_alice 5 --tls required
    log_has STARTTLS
    lacks MAIL "$server_log"
}

# --- AUTH -------------------------------------------------------------------------------------

client_logs_in() { # SERVER MECHANISM OPTION...
    write_message "login-$port-$2"
    credentials "$2" right
    bob_to_alice 0 "${credentials[@]}" "${@:3}"
    shows_no_secret
    in_mailbox alice
    log_has "$("login_at_$1" "$2")"
}

client_fails_to_log_in() { # SERVER MECHANISM OPTION...
    write_message "no-login-$port-$2"
    credentials "$2" wrong
    bob_to_alice 5 "${credentials[@]}" "${@:3}"
    shows_no_secret
    says '\b535\b'
    not_delivered
    log_has "$("failure_at_$1" "$2")"
}

# Where no mechanism is given, and the server offers all of them.
client_takes() { # MECHANISM OPTION...
    write_message "takes-$port-$1"
    bob_to_alice 0 --user alice@example.test "${@:2}"
    in_mailbox alice
    log_has "$(login_at_postfix "$1")"
}

client_without_login() {
    write_message without-login
    bob_to_alice 3 --tls required
    not_delivered
}

# What the logs have to say, by server and mechanism.
login_at_postfix() {
    local ident queue_id
    ident=$(sed -n 's/^Message-ID: //p' "$file")
    queue_id=$(sed -n "s/.*: \([0-9A-F]*\): message-id=$ident.*/\1/p" "$server_log")
    echo "$queue_id: client=.*, sasl_method=$1, sasl_username=alice@example.test"
}

failure_at_postfix() {
    echo "SASL $1 authentication failed"
}

login_at_dovecot() {
    echo "Login: user=<alice@example.test>, method=$1, .* TLS"
}

failure_at_dovecot() {
    echo "auth failed, .* method=$1, .* TLS"
}

login_at_exim() {
    echo "<= bob@example.test .* P=esmtpsa .* A=$(exims_name "$1"):alice@example.test"
}

failure_at_exim() {
    echo "$(exims_name "$1") authenticator failed"
}

exims_name() {
    tr A-Z- a-z_ <<<"$1"
}

check_logins() { # SERVER MECHANISM...
    local mechanism
    for mechanism in "${@:2}"; do
        check "our client -> ${1^}, $mechanism" client_logs_in "$1" "$mechanism" --tls required
        [[ $mechanism == EXTERNAL ]] || check "our client -> ${1^}, $mechanism, wrong credentials" \
            client_fails_to_log_in "$1" "$mechanism" --tls required
    done
}

check_logins_into_postfix() {
    port=${ports[1]}
    check "our client -> Postfix that requires AUTH, without" client_without_login
    check_logins postfix "${with_password[@]}" "${with_token[@]}"
    check "our client -> Postfix, password, the strongest mechanism" \
        client_takes SCRAM-SHA-256 --password-file "$work/password"
    check "our client -> Postfix, token, the strongest mechanism" \
        client_takes OAUTHBEARER --token-file "$work/token"
    port=${ports[2]}
    check "our client -> Postfix, TLS from the first octet, password" \
        client_takes SCRAM-SHA-256 --tls implicit --password-file "$work/password"
    port=${ports[3]}
    local mechanism
    for mechanism in PLAIN LOGIN "${with_token[@]}"; do
        credentials "$mechanism" right
        check "our client -> Postfix without TLS, no $mechanism" \
            client_refuses "clear-$mechanism" no-tls "" --tls none "${credentials[@]}"
    done
    check "our client -> Postfix without TLS, PLAIN if allowed" \
        client_logs_in postfix PLAIN --tls none --allow-clear-password
    check "our client -> Postfix without TLS, password" \
        client_takes SCRAM-SHA-256 --tls none --password-file "$work/password"
}

# What Dovecot gets, it passes to Postfix.
check_logins_into_dovecot() { # PORT TLS-PORT
    port=$1
    server_log=$work/dovecot/log
    check_logins dovecot "${with_password[@]}" "${with_token[@]}" EXTERNAL
    check_several Dovecot "$dir/log" --ca "$certificates/ca.pem" --tls required \
        --user alice@example.test --password-file "$work/password"
    port=$2
    check "our client -> Dovecot, TLS from the first octet, SCRAM-SHA-256" \
        client_logs_in dovecot SCRAM-SHA-256 --tls implicit
}

check_exim() {
    port=${ports[0]}
    check "our client -> Exim, STARTTLS required" \
        client_sends_with_tls exim-required ESMTPS --tls required
    check "our client -> Exim, STARTTLS opportunistic" \
        client_sends_with_tls exim-opportunistic ESMTPS --tls opportunistic
    check "our client -> Exim, in clear" client_sends_file exim-clear
    check_several Exim "$server_log"
    check_logins exim "${with_password[@]}" EXTERNAL
    check "our client -> Exim, EXTERNAL, certificate of an unknown issuer" client_without_external
    port=${ports[1]}
    check "our client -> Exim, TLS from the first octet" \
        client_sends_with_tls exim-implicit ESMTPS --tls implicit
    check "our client -> Exim, TLS from the first octet, SCRAM-SHA-256" \
        client_logs_in exim SCRAM-SHA-256 --tls implicit
}

# To such a client Exim does not offer it.
client_without_external() {
    write_message without-external
    credentials EXTERNAL wrong
    bob_to_alice 5 "${credentials[@]}" --tls required
    not_delivered
}

check_client_tls() {
    if start_mail_server; then
        local postfix_ports=("${ports[@]}") postfix_dir=$dir postfix_log=$server_log dovecot_ports
        if start_server dovecot READY exec_dovecot "$port"; then
            cp "$dir/token" "$work/token"
            dovecot_ports=("${ports[@]}")
            ports=("${postfix_ports[@]}")
            dir=$postfix_dir
            server_log=$postfix_log
            check_tls_into_postfix
            check_logins_into_postfix
            check_logins_into_dovecot "${dovecot_ports[@]:0:2}"
        fi
        stop_servers
    fi
    if start_server exim READY exec_exim; then
        server_log=$dir/log
        check_exim
        stop_servers
    fi
    if start_server injector READY exec_injector; then
        check "our client, replies in clear after STARTTLS" client_does_not_believe
        stop_servers
    fi
}
