#!/bin/bash
# Veredus as a peer of a side-by-side benchmark of IMAP and POP3 servers: start, stop, clean, env; variables
# as in peer_common.sh. What is in the mailboxes stays from stop to start; clean empties them. A stop waits
# for the index of words, so that what is measured after the next start is a server that has had its time
# (INDEX=no: it does not).
set -eu
NAME=veredus-imap OFFSET=22000
PORT=$((143 + OFFSET))
. "$(dirname "$0")/peer_common.sh"

prepare() {
	make_pristine u0 p0 a{1,2,3}-0 b{1,2,3}-{0..19} \
		<<<'imap { auth-without-tls = yes } pop3 { auth-without-tls = yes }'
}

wait_for_index() {
	[ "${INDEX:-yes}" = no ] || ! running || "$VEREDUS" -d "$D/data" index status --wait >/dev/null
}

case ${1:-} in
env)
	echo "NAME=$NAME IMAP_PORT=$PORT IMAPS_PORT=$((993 + OFFSET)) POP3_PORT=$((110 + OFFSET))"
	echo "SMTP_PORT=$((25 + OFFSET)) SMTP_FLAGS= BOXES=$D/none VERSION='$("$VEREDUS" --version)'" ;;
start) prepare; [ -d "$D/data" ] || copy_pristine; launch ;;
stop) wait_for_index; halt; remove_cgroup ;;
clean) halt; rm -rf "$D/data" ;;
*) echo "usage: $0 start|stop|clean|env" >&2; exit 2 ;;
esac
