# What peer.sh and imap_peer.sh share: a server in a cgroup of its own, on a data directory that is a copy
# of one with its accounts. Sourced, with NAME, OFFSET and PORT (which answers when it is up) set.
#   VEREDUS    the program (default: that in build-rel beside this script's folder, else in build)
#   BENCH_DIR  where its directories are (default: /tmp/bench)
# shellcheck shell=bash
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[ -n "${VEREDUS:-}" ] || VEREDUS=$HERE/build-rel/veredus
[ -x "$VEREDUS" ] || VEREDUS=$HERE/build/veredus
D=${BENCH_DIR:-/tmp/bench}/$NAME

cgroup() {
	if [ -f /sys/fs/cgroup/cpuacct/cpuacct.usage ]; then echo "/sys/fs/cgroup/cpuacct/mailbench-$NAME"
	elif [ -f /sys/fs/cgroup/cgroup.controllers ]; then echo "/sys/fs/cgroup/mailbench-$NAME"
	else echo "/sys/fs/cgroup/unified/mailbench-$NAME"; fi
}

# make_pristine USER...: with these accounts, password "pw", and more configuration on standard input. Made
# once, as each account hashes a password.
make_pristine() {
	[ -d "$D/pristine" ] && return
	mkdir -p "$D"
	"$VEREDUS" -d "$D/new" init --domain bench.test --hostname mx.bench.test --port-offset "$OFFSET"
	cat >>"$D/new/veredus.conf"
	for user in "$@"; do echo pw | "$VEREDUS" -d "$D/new" user add "$user@bench.test"; done
	mv "$D/new" "$D/pristine"
}

copy_pristine() { rm -rf "$D/data"; cp -a "$D/pristine" "$D/data"; }

running() { [ -s "$D/pid" ] && kill -0 "$(cat "$D/pid")" 2>/dev/null; }

launch() {
	mkdir -p "$(cgroup)"
	(echo $BASHPID >"$(cgroup)/cgroup.procs"; echo $BASHPID >"$D/pid"
	 exec "$VEREDUS" -d "$D/data" serve >>"$D/log" 2>&1 </dev/null) &
	for _ in $(seq 400); do
		(exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null && return 0
		sleep 0.05
	done
	echo "$NAME does not start: see $D/log" >&2
	return 1
}

halt() {
	local pid
	running || return 0
	pid=$(cat "$D/pid")
	kill "$pid"
	for _ in $(seq 300); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
	rm -f "$D/pid"
}

remove_cgroup() { rmdir "$(cgroup)" 2>/dev/null || true; }
