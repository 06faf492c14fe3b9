#!/bin/bash
# Veredus as a peer of a side-by-side mail server benchmark: start, stop, clean, env; variables as in
# peer_common.sh. u0..u9@bench.test are local, relay.test goes to port 29025.
set -eu
NAME=veredus OFFSET=21000
PORT=$((25 + OFFSET))
. "$(dirname "$0")/peer_common.sh"

prepare() {
	make_pristine u{0..9} <<-E
	relay-networks = { "127.0.0.0/8", "::1" }
	smarthost "relay.test" { host = "127.0.0.1" port = 29025 tls = none }
	smtp { max-transactions = 0 }
	E
}

case ${1:-} in
env)
	echo "NAME=$NAME SMTP_PORT=$PORT SMTP_FLAGS= BOXES=$D/none"
	echo "IMAP_PORT=$((143 + OFFSET)) IMAPS_PORT=$((993 + OFFSET)) POP3_PORT=$((110 + OFFSET))"
	echo "VERSION='$("$VEREDUS" --version)'"
	echo "COUNT=\"sqlite3 -readonly $D/data/veredus.db 'SELECT coalesce(sum(message_count), 0) FROM mailbox'\"" ;;
start) prepare; copy_pristine; launch ;;
stop) halt; remove_cgroup ;;
clean)
	[ -d "$D/pristine" ] || exit 0
	if running; then halt; copy_pristine; launch; else copy_pristine; fi ;;
*) echo "usage: $0 start|stop|clean|env" >&2; exit 2 ;;
esac
