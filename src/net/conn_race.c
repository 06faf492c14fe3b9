#include "net/conn_race.h"

#include <errno.h>

/* On the stack of who waits, who is gone only after the last runner is. */
struct race {
	conn_race_fn connect;
	void *arg;
	fiber_id waiter;
	fiber_id runners[CONN_RACE_MAX];
	size_t started, ended;
	struct conn *conn; /* of the winner */
	size_t winner;
	int error;
};

struct runner {
	struct race *race;
	size_t which;
};

static void run(void *arg)
{
	const struct runner runner = *(struct runner *)arg;
	struct race *r = runner.race;
	struct conn *conn = NULL;

	free(arg);
	int rc = r->connect(r->arg, runner.which, &conn);
	if (rc == 0 && !r->conn) {
		r->conn = conn;
		r->winner = runner.which;
	} else if (rc == 0) {
		conn_close(conn);
	} else {
		r->error = rc;
	}
	r->ended++;
	fiber_wake(r->waiter);
}

static int start(struct race *r)
{
	struct runner *runner = mem_alloc(sizeof(*runner));

	*runner = (struct runner){ r, r->started };
	fiber_id id = fiber_start(-1, "connect", run, runner);
	if (!id) {
		free(runner);
		return -ECANCELED;
	}
	r->runners[r->started++] = id;
	return 0;
}

/* A runner that is cancelled ends with its next turn. */
static void end_all(struct race *r)
{
	for (size_t i = 0; i < r->started && r->ended < r->started; i++)
		fiber_cancel(r->runners[i]);
	while (r->ended < r->started)
		fiber_yield();
}

/* Until there is a winner, all that have been started have failed, or the moment is over. */
static int watch_runners(struct race *r, int64_t until)
{
	int rc = 0;

	while (rc == 0 && !r->conn && r->ended < r->started)
		rc = fiber_park("connect", until);
	return rc == -ECANCELED ? rc : 0;
}

int conn_race(size_t count, conn_race_fn connect, void *arg, int64_t stagger_ms, struct conn **out,
              size_t *which_out)
{
	struct race r = { .connect = connect, .arg = arg, .waiter = fiber_self() };
	int rc = count > 0 && count <= CONN_RACE_MAX ? 0 : -EINVAL;

	while (rc == 0 && !r.conn && r.started < count) {
		bool last = r.started + 1 == count;
		rc = start(&r);
		if (rc == 0)
			rc = watch_runners(&r, last ? DEADLINE_NEVER : deadline_in(stagger_ms));
	}
	end_all(&r);
	if (rc == 0 && !r.conn)
		rc = r.error;
	if (rc < 0) {
		conn_close(r.conn);
		return rc;
	}
	*out = r.conn;
	*which_out = r.winner;
	return 0;
}
