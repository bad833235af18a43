# Sourced by `postfix`, `dovecot` and `exim`: what it takes to run one of them in the foreground until
# SIGTERM. They set port and dir first.
# shellcheck shell=bash disable=SC2154 # port and dir
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

name=$(basename "$0")
daemon=

fail() {
    echo "peers/$name: $*" >&2
    exit 1
}

answers() {
    (
        exec 3<>"/dev/tcp/127.0.0.1/$port" &&
            read -r -t 10 greeting <&3 &&
            [[ $greeting == "220 mx.example.test "* ]] &&
            printf 'QUIT\r\n' >&3 &&
            read -r -t 10 <&3
    ) 2>/dev/null
}

wait_for_answer() {
    local i
    for ((i = 0; i < 300; i++)); do
        ! answers || return 0
        kill -0 "$daemon" 2>/dev/null || break
        sleep 0.1
    done
    cat "$dir"/{output,log} >&2 2>/dev/null || true
    fail "no answer on port $port (taken by another program?)"
}

# shellcheck disable=SC2317 # called by a trap
stop() {
    trap '' HUP INT TERM
    [[ -n $daemon ]] || return 0
    kill -TERM "$daemon" 2>/dev/null || true
    local i
    for ((i = 0; i < 100; i++)); do
        kill -0 "$daemon" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL -- "-$daemon" 2>/dev/null || true
}

# With a session of its own, the daemon leads a process group that holds all it starts.
run_daemon() { # COMMAND...
    trap stop EXIT
    trap 'exit 0' HUP INT TERM
    setsid "$@" </dev/null >>"$dir/output" 2>&1 &
    daemon=$!
    wait_for_answer
    echo READY
    wait "$daemon" || true
    fail "ended by itself: see $dir/log"
}
