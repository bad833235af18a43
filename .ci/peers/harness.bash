# Sourced by `run`: runs commands and servers, counts checks, makes messages and looks for them.
# shellcheck shell=bash disable=SC2154 # variables of `run`

passed=0
failed=0
work= # everything the checks write
body= # the check under way, a process group
servers=() # the processes of the servers under way
server= # the one started last: its process, ports, directory and log
port= # the first of its ports
ports=()
dir=
server_log=

# --- running things ---------------------------------------------------------------------------

wait_until() { # SECONDS COMMAND...
    local tries=$(($1 * 20))
    shift
    until "$@"; do
        ((tries-- > 0)) || return 1
        sleep 0.05
    done
}

gone() { # PID
    ! kill -0 "$1" 2>/dev/null
}

bounded() { # COMMAND...
    timeout --foreground --kill-after=5 60 "$@"
}

expect_exit() { # CODE COMMAND...
    local expected=$1 code=0
    shift
    bounded "$@" || code=$?
    [[ $code == "$expected" ]] || {
        echo "exit code $code instead of $expected: $*"
        return 1
    }
}

lacks() { # PATTERN FILE
    if grep -E "$1" "$2"; then
        echo "must not be there: $1"
        return 1
    fi
}

# The command runs under set -e; its last lines and those of the server's log explain a failure.
check() { # DESCRIPTION COMMAND...
    local description=$1 code=0
    shift
    set -m # a process group of its own, for clean_up to end
    (
        set -e
        "$@"
    ) </dev/null >"$work/check.log" 2>&1 &
    body=$!
    set +m
    wait "$body" || code=$?
    body=
    if ((code == 0)); then
        echo "ok   $description"
        ((++passed))
    else
        report_failure "$description"
    fi
}

report_failure() { # DESCRIPTION
    echo "FAIL $1"
    tail -n 60 "$work/check.log" | cut -c 1-160 | sed 's/^/     | /'
    if [[ -s $server_log ]]; then
        echo "     the server's log:"
        tail -n 15 "$server_log" | cut -c 1-160 | sed 's/^/     | /'
    fi
    ((++failed))
}

stop() { # PID...
    local pid
    (($# == 0)) || kill -TERM "$@" 2>/dev/null || true
    for pid in "$@"; do
        wait_until 20 gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
    done
}

stop_servers() {
    stop "${servers[@]}"
    servers=()
    server_log=
}

clean_up() {
    trap '' HUP INT TERM
    [[ -z $body ]] || kill -TERM -- "-$body" 2>/dev/null || true
    stop_servers
    rm -rf "$work"
}

# --- servers ----------------------------------------------------------------------------------

ready_or_gone() { # READY-LINE
    grep -q "^$1" "$dir.out" || gone "$server"
}

# A port may be lost to another program before the server has it: hence three attempts.
start_server() { # NAME READY-LINE FUNCTION...; the function executes it at port, in dir
    local ready=$2
    dir=$work/$1
    mkdir -p "$dir"
    shift 2
    for _ in 1 2 3; do
        read -r -a ports <<<"$("${mail[@]}" free-ports 8)"
        port=${ports[0]}
        : >"$dir.out"
        "$@" </dev/null >>"$dir.out" 2>&1 &
        server=$!
        servers+=("$server")
        server_log=$dir.out
        disown "$server" # else bash reports that it was killed
        wait_until 40 ready_or_gone "$ready" || true
        ! grep -q "^$ready" "$dir.out" || return 0
        stop "$server"
    done
    cp "$dir.out" "$work/check.log"
    report_failure "$(basename "$dir") does not start"
    return 1
}

exec_postfix() { # [SETTING...]
    exec "$here/postfix" "$port" "$dir" "$@"
}

start_postfix() { # NAME [SETTING...]
    local name=$1
    shift
    start_server "$name" READY exec_postfix "$@" || return 1
    server_log=$dir/log
}

exec_receiver() { # [OPTION...]
    exec "$receive" --listen "127.0.0.1:$port" --maildir "$dir" --domain example.test "$@"
}

start_receiver() { # NAME [OPTION...]
    local name=$1
    shift
    start_server "$name" "listening on" exec_receiver "$@"
}
# --- messages ---------------------------------------------------------------------------------

write_message() { # ID [SIZE]; sets file
    file=$work/$1.eml
    "${mail[@]}" write "$1" "${2:-0}" "$file"
}

in_mailbox() { # USER [SENDER]
    "${mail[@]}" stored "$file" "${2-bob@example.test}" 1 "$dir/mail/$1"
}

# Which protocol the server says the message came by: ESMTP, with an S for TLS and an A for AUTH.
came_by() { # PROTOCOL MAILDIR
    local ident stored
    ident=$(sed -n 's/^Message-ID: //p' "$file")
    stored=$(grep -rlF "$ident" "$2/new")
    grep -qiE "with (UTF8)?$1\\b" "$stored" || {
        grep -m1 -A3 '^Received:' "$stored"
        echo "the message did not come by $1"
        return 1
    }
}

in_receiver() { # [COPIES]
    "${mail[@]}" stored "$file" bob@example.test "${1:-1}" "$dir" crlf
}

