#!/bin/bash
# Veredus as a peer of a side-by-side mail server benchmark: start, stop, clean, env. The harness
# gives common.sh (its path in BENCH_COMMON) or, when it calls us, exports nothing; then the pieces
# we need are below. Local: u0..u9@bench.test, password "pw"; relay.test goes to port 29025.
#   VEREDUS  the program (default: build/veredus beside this script's folder)
set -eu
HERE=$(cd "$(dirname "$0")/.." && pwd)
VEREDUS=${VEREDUS:-$HERE/build/veredus}
BENCH_DIR=${BENCH_DIR:-/tmp/bench}
NAME=veredus
D=$BENCH_DIR/$NAME
OFFSET=21000
PORT=$((25 + OFFSET))

cgroup() {
	if [ -f /sys/fs/cgroup/cpuacct/cpuacct.usage ]; then echo "/sys/fs/cgroup/cpuacct/mailbench-$NAME"
	elif [ -f /sys/fs/cgroup/cgroup.controllers ]; then echo "/sys/fs/cgroup/mailbench-$NAME"
	else echo "/sys/fs/cgroup/unified/mailbench-$NAME"; fi
}

# A data directory with its accounts, made once: adding ten accounts hashes ten passwords.
make_pristine() {
	[ -d "$D/pristine" ] && return
	mkdir -p "$D"
	"$VEREDUS" -d "$D/new" init --domain bench.test --hostname mx.bench.test --port-offset $OFFSET
	for i in $(seq 0 9); do echo pw | "$VEREDUS" -d "$D/new" user add "u$i@bench.test"; done
	cat >>"$D/new/veredus.conf" <<-E
	relay-networks = { "127.0.0.0/8", "::1" }
	smarthost "relay.test" { host = "127.0.0.1" port = 29025 tls = none }
	smtp { max-transactions = 0 }
	E
	mv "$D/new" "$D/pristine"
}
fresh() { rm -rf "$D/data"; cp -a "$D/pristine" "$D/data"; }
running() { [ -s "$D/pid" ] && kill -0 "$(cat "$D/pid")" 2>/dev/null; }
launch() {
	mkdir -p "$(cgroup)"
	(echo $BASHPID >"$(cgroup)/cgroup.procs"; echo $BASHPID >"$D/pid"
	 exec "$VEREDUS" -d "$D/data" serve >>"$D/log" 2>&1 </dev/null) &
	for _ in $(seq 200); do
		(exec 3<>/dev/tcp/127.0.0.1/$PORT) 2>/dev/null && return 0
		sleep 0.05
	done
	echo "$NAME does not start: see $D/log" >&2
	return 1
}
halt() {
	running || return 0
	local pid; pid=$(cat "$D/pid")
	kill "$pid"
	for _ in $(seq 300); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
	rm -f "$D/pid"
}

case ${1:-} in
env)
	echo "NAME=$NAME SMTP_PORT=$PORT SMTP_FLAGS= BOXES=$D/none"
	echo "IMAP_PORT=$((143 + OFFSET)) IMAPS_PORT=$((993 + OFFSET)) POP3_PORT=$((110 + OFFSET))"
	echo "VERSION='$("$VEREDUS" --version)'"
	echo "COUNT=\"sqlite3 -readonly $D/data/veredus.db 'SELECT coalesce(sum(message_count), 0) FROM mailbox'\"" ;;
start) make_pristine; fresh; launch ;;
stop) halt; rmdir "$(cgroup)" 2>/dev/null || true ;;
clean)
	[ -d "$D/pristine" ] || exit 0
	if running; then halt; fresh; launch; else fresh; fi ;;
*) echo "usage: $0 start|stop|clean|env" >&2; exit 2 ;;
esac
