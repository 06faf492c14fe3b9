#!/bin/bash
# Veredus as a peer of a side-by-side benchmark of IMAP and POP3 servers: start, stop, clean, env. What is
# in the mailboxes stays from stop to start; clean empties them. A stop waits for the index of words, so
# that what is measured after the next start is a server that has had its time (INDEX=no: it does not).
#   VEREDUS  the program (default: build-rel/veredus beside this script's folder)
set -eu
HERE=$(cd "$(dirname "$0")/.." && pwd)
VEREDUS=${VEREDUS:-$HERE/build-rel/veredus}
BENCH_DIR=${BENCH_DIR:-/tmp/bench}
NAME=veredus-imap
D=$BENCH_DIR/$NAME
OFFSET=22000
PORT=$((143 + OFFSET))

cgroup() {
	if [ -f /sys/fs/cgroup/cpuacct/cpuacct.usage ]; then echo "/sys/fs/cgroup/cpuacct/mailbench-$NAME"
	elif [ -f /sys/fs/cgroup/cgroup.controllers ]; then echo "/sys/fs/cgroup/mailbench-$NAME"
	else echo "/sys/fs/cgroup/unified/mailbench-$NAME"; fi
}

users() { echo u0 p0; for r in 1 2 3; do echo "a$r-0"; for i in $(seq 0 19); do echo "b$r-$i"; done; done; }

# Adding accounts hashes a password each, so it is done once.
make_pristine() {
	[ -d "$D/pristine" ] && return
	mkdir -p "$D"
	"$VEREDUS" -d "$D/new" init --domain bench.test --hostname mx.bench.test --port-offset $OFFSET
	for u in $(users); do echo pw | "$VEREDUS" -d "$D/new" user add "$u@bench.test"; done
	printf 'imap { auth-without-tls = yes }\npop3 { auth-without-tls = yes }\n' >>"$D/new/veredus.conf"
	mv "$D/new" "$D/pristine"
}
running() { [ -s "$D/pid" ] && kill -0 "$(cat "$D/pid")" 2>/dev/null; }
launch() {
	mkdir -p "$(cgroup)"
	(echo $BASHPID >"$(cgroup)/cgroup.procs"; echo $BASHPID >"$D/pid"
	 exec "$VEREDUS" -d "$D/data" serve >>"$D/log" 2>&1 </dev/null) &
	for _ in $(seq 400); do
		(exec 3<>/dev/tcp/127.0.0.1/$PORT) 2>/dev/null && return 0
		sleep 0.05
	done
	echo "$NAME does not start: see $D/log" >&2
	return 1
}
halt() {
	running || return 0
	local pid; pid=$(cat "$D/pid")
	[ "${INDEX:-yes}" = no ] || "$VEREDUS" -d "$D/data" index status --wait >/dev/null
	kill "$pid"
	for _ in $(seq 300); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
	rm -f "$D/pid"
}

case ${1:-} in
env)
	echo "NAME=$NAME IMAP_PORT=$PORT IMAPS_PORT=$((993 + OFFSET)) POP3_PORT=$((110 + OFFSET))"
	echo "SMTP_PORT=$((25 + OFFSET)) SMTP_FLAGS= BOXES=$D/none VERSION='$("$VEREDUS" --version)'" ;;
start) make_pristine; [ -d "$D/data" ] || cp -a "$D/pristine" "$D/data"; launch ;;
stop) halt; rmdir "$(cgroup)" 2>/dev/null || true ;;
clean) INDEX=no halt; rm -rf "$D/data" ;;
*) echo "usage: $0 start|stop|clean|env" >&2; exit 2 ;;
esac
