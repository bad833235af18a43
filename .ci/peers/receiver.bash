# Sourced by `run`: other clients into our receiver.
# shellcheck shell=bash disable=SC2154 # variables of `run` and harness.bash

# swaks and smtp-source put a line end of their own after the message.
leave_last_line_open() {
    head -c -1 "$file" >"$file.open"
}

swaks_sends() { # ID OPTIONS...
    write_message "$1"
    echo "end" >>"$file" # swaks drops a line of a single dot near the end
    leave_last_line_open
    shift
    expect_exit 0 swaks --server 127.0.0.1 --port "$port" --helo client.example.test \
        --from bob@example.test --to alice@example.test --data "@$file.open" "$@"
    in_receiver
}

swaks_is_refused() { # RECIPIENT REPLY
    local no_recipient_accepted=24
    write_message "refused-${1%@*}-${1#*@}"
    expect_exit "$no_recipient_accepted" swaks --server 127.0.0.1 --port "$port" \
        --helo client.example.test --from bob@example.test --to "$1" --data "@$file" |
        tee "$work/dialogue"
    grep -q "^<\*\* $2" "$work/dialogue"
    in_receiver 0
}

msmtp_sends() {
    write_message msmtp
    expect_exit 0 msmtp --file=/dev/null --host=127.0.0.1 --port="$port" \
        --domain=client.example.test --from=bob@example.test alice@example.test <"$file"
    in_receiver
}

curl_sends() {
    write_message curl
    sed 's/$/\r/' "$file" >"$file.crlf" # curl sends line ends as they are
    expect_exit 0 curl --silent --show-error --verbose --noproxy '*' \
        --url "smtp://127.0.0.1:$port/client.example.test" \
        --mail-from bob@example.test --mail-rcpt alice@example.test --upload-file "$file.crlf"
    in_receiver
}

smtp_source_sends() { # ID OPTIONS...
    write_message "$1"
    leave_last_line_open
    shift
    expect_exit 0 smtp-source -s 3 -m 12 -F "$file.open" "$@" \
        -f bob@example.test -t alice@example.test "127.0.0.1:$port"
    in_receiver 12
}

smtplib_sends() { # ID [SIZE]
    write_message "$@"
    expect_exit 0 "${mail[@]}" smtplib "$port" "$file"
    in_receiver
}

# Chunks of three messages, and others that are refused, in one group.
groups_arrive() { # ID SIZE STEP
    local one several
    write_several "$1" "$2"
    expect_exit 0 "${mail[@]}" groups "$port" "$3" "${several[@]}"
    for one in "${several[@]}"; do
        file=$one
        in_receiver
    done
}

# Exim sends in chunks where it can, and says so in its log.
exim_relays() { # EXIM-PORT SIZE
    write_message "exim-relays-$2" "$2"
    expect_exit 0 "${mail[@]}" smtplib "$1" "$file"
    in_receiver
    log_has "=> alice@example\.test .* K C=\"250 .*stored as"
}

check_exim_as_client() {
    local receiver_port=$port receiver_dir=$dir
    start_server exim-relay READY exec_exim "$port" || return 0
    local relay_port=$port
    port=$receiver_port
    server_log=$dir/log
    dir=$receiver_dir
    check "Exim -> our receiver, in chunks" exim_relays "$relay_port" 0
    check "Exim -> our receiver, in chunks, 5 MiB" exim_relays "$relay_port" 5242880
}

check_receiver() {
    if start_receiver receiver; then
        check "swaks -> our receiver" swaks_sends swaks
        check "swaks -> our receiver, pipelining" swaks_sends swaks-pipeline --pipeline
        check "swaks -> our receiver, two recipients, pipelining" swaks_sends swaks-two \
            --pipeline --to alice@example.test,bob@example.test
        check "swaks -> our receiver, unknown recipient refused" \
            swaks_is_refused nobody@example.test "550 5\.1\.1"
        check "swaks -> our receiver, other domain refused" \
            swaks_is_refused alice@elsewhere.test "550 5\.7\.1"
        check "msmtp -> our receiver" msmtp_sends
        check "curl -> our receiver" curl_sends
        check "smtp-source -> our receiver, 12 sessions, 3 at a time" smtp_source_sends source
        check "smtp-source -> our receiver, 12 messages in 3 sessions" smtp_source_sends source-d -d
        check "smtplib -> our receiver" smtplib_sends smtplib
        check "smtplib -> our receiver, 1 MiB" smtplib_sends smtplib-big 1048576
        check "chunks of several messages in one group -> our receiver" groups_arrive groups 5242880 \
            100000000
        check "chunks of several messages in one group, in steps of 7 octets -> our receiver" \
            groups_arrive groups-7 20000 7
        check_exim_as_client
        stop_servers
    fi
}

# --- our receiver killed ----------------------------------------------------------------------

check_kill() {
    local round
    for round in 1 2 3; do
        start_receiver killed || return 0 # each round on what the round before left
        check "our receiver killed in a burst, acknowledged messages are kept ($round)" \
            bounded "${mail[@]}" burst "$port" "$server" "$dir" "$round"
        stop_servers
    done
}
