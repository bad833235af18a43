# Sourced by `run`: other clients with TLS and AUTH into our receiver.
# shellcheck shell=bash disable=SC2154 # variables of `run` and harness.bash

start_receiver_tls() { # NAME [OPTION...]
    printf '%s:secret\n' alice@example.test bob@example.test >"$work/users"
    echo "alice@example.test:$(<"$work/token")" >"$work/tokens"
    start_receiver "$1" --name mx.example.test --cert "$certificates/server.pem" \
        --key "$certificates/server.key" --client-ca "$certificates/ca.pem" \
        --users "$work/users" --tokens "$work/tokens" "${@:2}"
}

stored_by() { # PROTOCOL
    in_receiver
    came_by "$1" "$dir"
}

# With wrong credentials the client has to see 535, and to leave by the exit code it has for that.
outcome() { # right|wrong CODE-IF-WRONG COMMAND...
    if [[ $1 == right ]]; then
        expect_exit 0 "${@:3}" 2>&1 | tee "$work/dialogue"
        stored_by ESMTPSA
    else
        expect_exit "$2" "${@:3}" 2>&1 | tee "$work/dialogue"
        grep -q '\b535\b' "$work/dialogue"
        in_receiver 0
    fi
}

# --- swaks ------------------------------------------------------------------------------------

swaks_logs_in() { # MECHANISM right|wrong TLS-OPTION
    local authentication_failed=28 password=secret
    [[ $2 == right ]] || password=not-secret
    write_message "swaks-$port-$1-$2"
    echo "end" >>"$file" # swaks drops a line of a single dot near the end
    leave_last_line_open
    outcome "$2" "$authentication_failed" \
        swaks --server 127.0.0.1 --port "$port" --helo client.example.test \
        "$3" --tls-verify --tls-ca-path "$certificates/ca.pem" \
        --auth "$1" --auth-user alice@example.test --auth-password "$password" \
        --from bob@example.test --to alice@example.test --data "@$file.open"
}

swaks_sends_with_tls() { # ID PROTOCOL OPTION...
    swaks_sends "$1" --tls-verify --tls-ca-path "$certificates/ca.pem" "${@:3}"
    came_by "$2" "$dir"
}

swaks_may_not_send() { # ID REPLY OPTION...
    local mail_refused=23
    write_message "$1"
    expect_exit "$mail_refused" swaks --server 127.0.0.1 --port "$port" --helo client.example.test \
        --from bob@example.test --to alice@example.test --data "@$file" "${@:3}" |
        tee "$work/dialogue"
    grep -qE "^<[*~]\* $2" "$work/dialogue"
    in_receiver 0
}

# --- msmtp ------------------------------------------------------------------------------------

msmtp_options() { # STARTTLS(on|off) MECHANISM; sets msmtp_options
    msmtp_options=(
        --file=/dev/null --debug --host=127.0.0.1 --port="$port" --domain=client.example.test
        --tls=on --tls-starttls="$1" --tls-trust-file="$certificates/ca.pem"
        --auth="${2,,}" --from=bob@example.test
    )
}

msmtp_logs_in() { # MECHANISM right|wrong STARTTLS(on|off)
    local no_permission=77 user=alice@example.test secret=password options=()
    case $1 in
    EXTERNAL)
        [[ $2 == right ]] || user=bob@example.test # whose certificate this is not
        options=(--tls-cert-file="$certificates/alice.pem" --tls-key-file="$certificates/alice.key")
        ;;
    XOAUTH2 | OAUTHBEARER) secret=token ;;
    esac
    [[ $2 == right ]] || secret=wrong-$secret
    write_message "msmtp-$port-$1-$2"
    msmtp_options "$3" "$1"
    outcome "$2" "$no_permission" msmtp "${msmtp_options[@]}" "${options[@]}" --user="$user" \
        --passwordeval="cat $work/$secret" alice@example.test <"$file"
}

# Whether it is turned away by TLS or by AUTH is the server's choice.
msmtp_with_unknown_certificate() {
    local code=0
    write_message msmtp-unknown
    msmtp_options on EXTERNAL
    bounded msmtp "${msmtp_options[@]}" --user=alice@example.test \
        --tls-cert-file="$certificates/mallory.pem" --tls-key-file="$certificates/mallory.key" \
        alice@example.test <"$file" || code=$?
    ((code != 0 && code < 124)) # 124: it hung
    in_receiver 0
}

# --- curl -------------------------------------------------------------------------------------

curl_logs_in() { # MECHANISM right|wrong SCHEME
    local login_denied=67 user=alice@example.test wrong='' options=()
    [[ $2 == right ]] || wrong=wrong-
    case $1 in
    EXTERNAL)
        [[ $2 == right ]] || user=bob@example.test # whose certificate this is not
        user+=:
        options=(--cert "$certificates/alice.pem" --key "$certificates/alice.key")
        ;;
    XOAUTH2 | OAUTHBEARER) options=(--oauth2-bearer "$(<"$work/${wrong}token")") ;;
    *) user+=:$(<"$work/${wrong}password") ;;
    esac
    write_message "curl-$port-$1-$2"
    sed 's/$/\r/' "$file" >"$file.crlf" # curl sends line ends as they are
    outcome "$2" "$login_denied" \
        curl --silent --show-error --verbose --noproxy '*' --ssl-reqd \
        --cacert "$certificates/ca.pem" --url "$3://127.0.0.1:$port/client.example.test" --login-options "AUTH=$1" \
        --user "$user" "${options[@]}" \
        --mail-from bob@example.test --mail-rcpt alice@example.test --upload-file "$file.crlf"
}

# --- Python's smtplib -------------------------------------------------------------------------

smtplib_logs_in() { # right|wrong starttls|implicit
    local password=secret
    [[ $1 == right ]] || password=not-secret
    write_message "smtplib-$port-$1"
    outcome "$1" 1 "${mail[@]}" smtplib "$port" "$file" "$2" "$certificates/ca.pem" \
        alice@example.test "$password"
}

# --- our client -------------------------------------------------------------------------------

# It has no other server to bind to the TLS channel by tls-exporter with.
send_logs_in() { # MECHANISM right|wrong
    write_message "send-$port-$1-$2"
    credentials "$1" "$2"
    outcome "$2" 5 "$send" --server "127.0.0.1:$port" --ca "$certificates/ca.pem" \
        "${credentials[@]}" --from bob@example.test --to alice@example.test "$file"
    grep -q "^C: AUTH $1\b" "$work/dialogue"
}

# --- gsasl ------------------------------------------------------------------------------------

# It logs in, bound to the TLS channel by tls-exporter, and that is all it does. It says STARTTLS before
# EHLO, which not every server has to like.
gsasl_logs_in() { # MECHANISM right|wrong
    local code=0 password=secret
    [[ $2 == right ]] || { code=1 password=not-secret; }
    expect_exit "$code" "${mail[@]}" after-ehlo "$port" \
        gsasl --smtp --connect=127.0.0.1:PORT --starttls \
        --x509-ca-file="$certificates/ca.pem" --mechanism="$1" \
        --authentication-id=alice@example.test --password="$password" 2>&1 | tee "$work/dialogue"
    [[ $2 == wrong ]] || grep -q "^235 " "$work/dialogue"
    [[ $2 == right ]] || grep -q "^535 " "$work/dialogue"
}

# --- openssl ----------------------------------------------------------------------------------

openssl_connects() { # OPTION...
    expect_exit 0 openssl s_client -connect "127.0.0.1:$port" -brief \
        -CAfile "$certificates/ca.pem" -verify_hostname mx.example.test -verify_return_error "$@"
}

openssl_is_refused() { # OPTION...
    expect_exit 1 openssl s_client -connect "127.0.0.1:$port" -brief "$@"
}

# --- Postfix ----------------------------------------------------------------------------------

exec_relay() { # PORT
    exec_postfix virtual_mailbox_domains= relay_domains=example.test \
        "relay_transport=smtp:[127.0.0.1]:$1" smtp_tls_security_level=secure \
        "smtp_tls_CAfile=$certificates/ca.pem" smtp_tls_secure_cert_match=mx.example.test \
        smtp_sasl_auth_enable=yes smtp_sasl_security_options=noanonymous \
        "smtp_sasl_password_maps=inline:{{127.0.0.1=alice@example.test:secret}}"
}

postfix_relays() {
    write_message relayed
    expect_exit 0 "${mail[@]}" smtplib "$1" "$file"
    stored_by ESMTPSA
}

check_relay() {
    local receiver_port=$port receiver_dir=$dir
    start_server relay READY exec_relay "$port" || return 0
    local relay_port=$port
    port=$receiver_port
    server_log=$dir/log
    dir=$receiver_dir
    check "Postfix -> our receiver, login" postfix_relays "$relay_port"
}

# ----------------------------------------------------------------------------------------------

receiver= # what to call it

check_logins_with() { # PROGRAM OPTION MECHANISM...
    local mechanism
    for mechanism in "${@:3}"; do
        check "${1/#send/our client} -> $receiver, $mechanism" "$1_logs_in" "$mechanism" right "$2"
        check "${1/#send/our client} -> $receiver, $mechanism, wrong credentials" \
            "$1_logs_in" "$mechanism" wrong "$2"
    done
}

check_starttls() {
    receiver="our receiver"
    check "swaks -> our receiver that requires TLS, without" swaks_may_not_send no-tls 530
    check "swaks -> our receiver that requires AUTH, without" swaks_may_not_send no-auth 530 --tls
    check_logins_with swaks --tls PLAIN LOGIN CRAM-MD5
    check_logins_with msmtp on "${with_password[@]}" "${with_token[@]}" EXTERNAL
    check "msmtp -> our receiver, EXTERNAL, certificate of an unknown issuer" \
        msmtp_with_unknown_certificate
    check_logins_with curl smtp PLAIN LOGIN CRAM-MD5 "${with_token[@]}" EXTERNAL
    check_logins_with gsasl "" SCRAM-SHA-1-PLUS SCRAM-SHA-256-PLUS
    check_logins_with send "" SCRAM-SHA-1-PLUS SCRAM-SHA-256-PLUS
    check "smtplib -> our receiver, login" smtplib_logs_in right starttls
    check "smtplib -> our receiver, login, wrong credentials" smtplib_logs_in wrong starttls
    check "smtplib -> our receiver, commands in clear after STARTTLS" \
        bounded "${mail[@]}" inject "$port" "$certificates/ca.pem"
    check "openssl -> our receiver, TLS 1.3" openssl_connects -starttls smtp -tls1_3
    check "openssl -> our receiver, TLS 1.2" openssl_connects -starttls smtp -tls1_2
    check "openssl -> our receiver, TLS 1.1 refused" \
        openssl_is_refused -starttls smtp -tls1_1 -cipher ALL:@SECLEVEL=0
}

check_implicit() {
    receiver="our receiver, TLS from the first octet"
    check_logins_with swaks --tls-on-connect PLAIN
    check_logins_with msmtp off SCRAM-SHA-256
    check_logins_with curl smtps PLAIN
    check "smtplib -> $receiver, login" smtplib_logs_in right implicit
    check "openssl -> $receiver" openssl_connects
}

check_opportunistic() {
    receiver="our receiver that offers TLS"
    check "swaks -> $receiver, without" swaks_sends_with_tls may-clear ESMTP
    check "swaks -> $receiver, with" swaks_sends_with_tls may-tls ESMTPS --tls
    check "swaks -> $receiver, without, CRAM-MD5" swaks_sends_with_tls may-cram ESMTPA \
        --auth CRAM-MD5 --auth-user alice@example.test --auth-password secret
    check "swaks -> $receiver, without, no PLAIN" swaks_finds_no_plain
}

swaks_finds_no_plain() {
    local authentication_failed=28
    write_message no-plain
    expect_exit "$authentication_failed" swaks --server 127.0.0.1 --port "$port" \
        --helo client.example.test --from bob@example.test --to alice@example.test --data "@$file" \
        --auth PLAIN --auth-user alice@example.test --auth-password secret | tee "$work/dialogue"
    lacks "-> AUTH|AUTH.* (PLAIN|LOGIN|XOAUTH2|OAUTHBEARER)" "$work/dialogue"
    in_receiver 0
}

check_receiver_tls() {
    if start_receiver_tls required --tls required --require-auth; then
        check_starttls
        check_relay
        stop_servers
    fi
    if start_receiver_tls implicit --tls implicit --require-auth; then
        check_implicit
        stop_servers
    fi
    if start_receiver_tls opportunistic; then
        check_opportunistic
        stop_servers
    fi
}
