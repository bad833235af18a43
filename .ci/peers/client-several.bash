# Sourced by `run`: several messages of our client over one connection, pipelined and in chunks in every
# way it has, into Postfix, Dovecot and Exim.
# shellcheck shell=bash disable=SC2154 # variables of `run` and harness.bash

write_several() { # ID SIZE; sets several
    several=("$work/$1"-{dots,open,large}.eml)
    "${mail[@]}" write "$1-dots" 0 "${several[0]}" "$1-open" 0 "${several[1]}" \
        "$1-large" "$2" "${several[2]}"
    echo "end" >>"${several[1]}"
    head -c -1 "${several[1]}" >"$work/open" # what is sent ends without a line end
}

# Each to alice, to somebody unknown, and to bob.
client_sends_several() { # PIPELINING CHUNKING DEPTH SIZE LOG OPTION...
    write_several "several-$port-$1-$2-$3" "$4"
    our_client 1 --pipelining "$1" --chunking "$2" --depth "$3" "${@:6}" --from bob@example.test \
        --each --to alice@example.test --to nobody@example.test --to bob@example.test \
        "${several[0]}" "$work/open" "${several[2]}" 2>"$work/dialogue" >"$work/fates"
    cat "$work/dialogue" "$work/fates"
    case $2 in
    needed) lacks '^C: BDAT' "$work/dialogue" ;;
    *) lacks '^C: DATA' "$work/dialogue" ;;
    esac
    [[ $(goes_on) == "$1" ]]
    "${mail[@]}" several "$work/fates" "$5" "$dir/mail" "${several[@]}"
}

# What the dialogue shows of pipelining.
goes_on() {
    if grep -A1 '^C: (.* octets of content)' "$work/dialogue" | grep -q '^C: RSET'; then
        echo across
    elif grep -A1 '^C: MAIL' "$work/dialogue" | grep -q '^C: RCPT'; then
        echo within
    else
        echo off
    fi
}

check_several() { # SERVER LOG OPTION...
    local pipelining chunking depth size how
    for pipelining in off within across; do
        for chunking in needed accepted at-once; do
            for depth in 10 1; do
                # Neither matters elsewhere.
                [[ $depth == 10 || $pipelining-$chunking == across-at-once ]] || continue
                [[ $pipelining-$chunking != off-at-once ]] || continue
                size=600000 # three chunks
                [[ $pipelining-$depth != across-10 ]] || size=5242880
                how="pipelining $pipelining, chunking $chunking, depth $depth"
                check "our client -> $1, several messages, $how" \
                    client_sends_several "$pipelining" "$chunking" "$depth" "$size" "$2" "${@:3}"
            done
        done
    done
}

# The server does not say how much it takes: it says no to the content, or in the middle of the chunks.
client_with_one_too_large() { # ID OPTION...
    write_several "$1" 600000
    our_client 1 "${@:2}" --from bob@example.test --to alice@example.test \
        "${several[0]}" "${several[2]}" "$work/open" >"$work/fates"
    cat "$work/fates"
    grep -q "^1: .*: accepted: 250" "$work/fates"
    grep -q "^2: .*: refused .*: 552" "$work/fates"
    grep -q "^3: .*: accepted: 250" "$work/fates"
    file=${several[0]}
    in_mailbox alice
    file=${several[1]}
    in_mailbox alice
    file=${several[2]}
    "${mail[@]}" stored "$file" bob@example.test 0 "$dir/mail/alice"
}

# What is on its way behind a message that is refused in the end is not part of it.
client_with_end_refused() { # ID OPTION...
    write_several "$1" 600000
    our_client 1 "${@:2}" --from bob@example.test --each --to bob@example.test --to alice@example.test \
        "${several[0]}" "${several[1]}" >"$work/fates"
    cat "$work/fates"
    [[ $(sed 's/^\(.*\): <[^>]*>: \(.\{12\}\).*/\1 \2/' "$work/fates") == "1 refused at t
2 accepted: 25
3 refused at t
4 accepted: 25
2 accepted, 2 refused, 0 not sent, 0 in doubt" ]]
    for file in "${several[@]:0:2}"; do
        in_mailbox alice
        "${mail[@]}" stored "$file" bob@example.test 0 "$dir/mail/bob"
    done
}

# Chunks have left before the refusal comes.
client_all_or_nothing() { # ID OPTION...
    write_several "$1" 250000
    our_client 3 "${@:2}" --from bob@example.test --all-or-nothing \
        --to alice@example.test --to nobody@example.test "${several[@]}"
    for file in "${several[@]}"; do
        "${mail[@]}" stored "$file" bob@example.test 0 "$dir/mail/alice"
    done
}

check_refusals() {
    local pipelining chunking how
    for pipelining in within across; do
        for chunking in needed accepted at-once; do
            how="pipelining $pipelining, chunking $chunking"
            set -- "$pipelining-$chunking" --pipelining "$pipelining" --chunking "$chunking"
            check "our client -> Postfix, one of several too large, $how" \
                client_with_one_too_large "large-$1" "${@:2}"
            check "our client -> Postfix, some of several refused in the end, $how" \
                client_with_end_refused "end-$1" "${@:2}"
            check "our client -> Postfix, several, all or nothing, $how" \
                client_all_or_nothing "all-$1" "${@:2}"
        done
    done
}
