# Sourced by `run`: our client into Postfix.
# shellcheck shell=bash disable=SC2154 # variables of `run` and harness.bash

our_client() { # CODE ARGUMENTS...
    local code=$1
    shift
    expect_exit "$code" "$send" --server "127.0.0.1:$port" "$@"
}

bob_to() { # CODE USER...
    local code=$1 user recipients=()
    shift
    for user in "$@"; do
        recipients+=(--to "$user@example.test")
    done
    our_client "$code" --from bob@example.test "${recipients[@]}" "$file"
}

client_sends_file() {
    write_message "$1" "${2:-0}"
    bob_to 0 alice
    in_mailbox alice
}

client_sends_standard_input() {
    write_message input
    our_client 0 --from bob@example.test --to alice@example.test <"$file"
    in_mailbox alice
    write_message input-dash
    our_client 0 --from bob@example.test --to alice@example.test - <"$file"
    in_mailbox alice
}

client_sends_to_two() {
    write_message two
    bob_to 0 alice bob
    in_mailbox alice
    in_mailbox bob
}

client_with_one_refused() {
    write_message one-refused
    bob_to 1 alice nobody | tee "$work/outcome"
    in_mailbox alice
    grep -q alice@example.test "$work/outcome"
    grep -q nobody@example.test "$work/outcome"
}

client_with_all_refused() {
    write_message all-refused
    bob_to 3 nobody
}

client_sends_null_reverse_path() {
    write_message null
    our_client 0 --from '<>' --to alice@example.test "$file"
    in_mailbox alice ''
}

client_sends_to_utf8_mailbox() {
    write_message utf8
    bob_to 0 jürgen
    in_mailbox jurgen
}

client_over_size_limit() {
    write_message too-big 200000
    bob_to 3 alice 2>&1 | tee "$work/dialogue"
    lacks '354 End data' "$work/dialogue"
    wait_until 20 grep -q 'disconnect from .* ehlo=' "$server_log"
    lacks 'queue file size limit| (data|bdat)=[1-9]' "$server_log"
}

client_without_server() {
    write_message no-server
    port=$("${mail[@]}" free-ports 1)
    bob_to 5 alice
}

check_client() {
    if start_postfix postfix; then
        check "our client -> Postfix" client_sends_file file
        check "our client -> Postfix, 5 MiB" client_sends_file big 5242880
        check "our client -> Postfix, from standard input" client_sends_standard_input
        check "our client -> Postfix, two recipients" client_sends_to_two
        check "our client -> Postfix, one of two recipients refused" client_with_one_refused
        check "our client -> Postfix, the only recipient refused" client_with_all_refused
        check "our client -> Postfix, null reverse-path" client_sends_null_reverse_path
        check "our client -> Postfix, UTF-8 address" client_sends_to_utf8_mailbox
        check_several Postfix "$server_log"
        stop_servers
    fi
    if start_postfix lockstep smtpd_discard_ehlo_keywords=pipelining; then
        check "our client -> Postfix without PIPELINING" client_sends_file lockstep-file
        check "our client -> Postfix without PIPELINING, one of two recipients refused" \
            client_with_one_refused
        stop_servers
    fi
    if start_postfix small message_size_limit=100000; then
        check "our client -> Postfix, over the SIZE limit" client_over_size_limit
        stop_servers
    fi
    if start_postfix refusing message_size_limit=300000 smtpd_discard_ehlo_keywords=size \
        "smtpd_end_of_data_restrictions=check_recipient_access inline:{{bob@example.test=REJECT}}"; then
        check_refusals
        stop_servers
    fi
    check "our client -> no server" client_without_server
}
