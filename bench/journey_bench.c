/* What a search in many journeys costs, and what it costs to make that possible.
 *
 *     journey_bench [DIRECTORY [ROWS]]
 *
 * Fills a store with journeys of three rows each (received, delivered, queued), makes their
 * sketches, and searches: each by what is there once, far back, and by what is not there. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "route/journey_sketch.h"
#include "route/queue_id.h"
#include "store/store.h"

enum { BATCH = 2000, ROWS_A_MESSAGE = 3, SENDERS = 50000 };

struct filling {
	struct queue_id_source ids;
	int64_t first_ms, next, messages;
};

#define TEXT(out, ...) slice_of(out, (size_t)snprintf(out, sizeof(out), __VA_ARGS__))

static int add_one(struct db *db, struct filling *f, int64_t i)
{
	char id[QUEUE_ID_LEN + 1], a[64], b[64];
	int64_t at_ms = f->first_ms + i;
	queue_id_next(&f->ids, at_ms, id);
	struct journey_event e = { .at_ms = at_ms,
		                   .queue_id = slice_of(id, QUEUE_ID_LEN),
		                   .message_id = TEXT(a, "<%" PRId64 ".1a2b3c4d5e@mail.test>", i),
		                   .kind = JOURNEY_RECEIVED,
		                   .peer = SLICE("192.0.2.1"),
		                   .detail = SLICE("ESMTPS, TLSv1.3, 10240 bytes"),
		                   .address = TEXT(b, "sender%" PRId64 "@x.test", i % SENDERS) };
	int rc = journey_begin(db, &e, 0);
	e.message_id = e.peer = SLICE_EMPTY;
	e.kind = JOURNEY_DELIVERED;
	e.address = TEXT(a, "user%" PRId64 "@here.test", i);
	e.detail = SLICE("INBOX");
	if (rc == 0)
		rc = journey_begin(db, &e, 1);
	e.kind = JOURNEY_RELAYED;
	e.address = TEXT(a, "other%" PRId64 "@far.test", i % 1000);
	e.peer = SLICE("mx.far.test (192.0.2.2:25)");
	e.detail = SLICE("250 2.0.0 taken (TLSv1.3 TLS_AES_256_GCM_SHA384)");
	return rc == 0 ? journey_begin(db, &e, 2) : rc;
}

static int add_some(struct db *db, void *arg)
{
	struct filling *f = arg;
	int rc = 0;
	for (int64_t i = 0; i < BATCH && rc == 0; i++)
		rc = add_one(db, f, f->next + i);
	return rc;
}

static double cpu_seconds(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* --- searching ------------------------------------------------------------------------ */

struct search {
	struct journey_filter filter;
	struct journey_search at;
	int found;
};

static int see(const struct journey_event *e, void *arg)
{
	(void)e;
	return ++((struct search *)arg)->found == 20 ? 2 : 0;
}

static int search_some(struct db *db, void *arg)
{
	struct search *s = arg;
	return journey_search(db, &s->filter, &s->at, see, s);
}

static void measure(struct store *store, const char *what, struct journey_filter filter)
{
	struct search s = { .filter = filter };
	int64_t begun_ms = clock_monotonic_ms();
	int rc, reads = 0;
	while ((rc = store_read(store, search_some, &s)) == 1)
		reads++;
	printf("%-44s %5" PRId64 " ms, %d found, %d reads%s\n", what,
	       clock_monotonic_ms() - begun_ms, s.found, reads, rc < 0 ? ", FAILED" : "");
}

static void search(struct store *store, const struct filling *f)
{
	char a[64], b[64];
	int64_t old = f->messages / 10;
	struct slice sender = TEXT(a, "sender%" PRId64 "@x.test", old % SENDERS);
	struct slice user = TEXT(b, "user%" PRId64 "@here.test", old);
	measure(store, "recipient, far back", (struct journey_filter){ .to = user });
	measure(store, "sender and recipient, far back",
	        (struct journey_filter){ .from = sender, .to = user });
	measure(store, "sender, the last 20", (struct journey_filter){ .from = sender });
	measure(store, "popular recipient, the last 20",
	        (struct journey_filter){ .to = SLICE("other7@far.test") });
	measure(store, "popular both, never together",
	        (struct journey_filter){ .from = sender, .to = SLICE("other7@far.test") });
	measure(store, "recipient that there is not",
	        (struct journey_filter){ .to = SLICE("nobody@here.test") });
	measure(store, "a minute, far back",
	        (struct journey_filter){ .since_ms = f->first_ms + old,
	                                 .until_ms = f->first_ms + old + 60000 });
	measure(store, "Message-ID, far back",
	        (struct journey_filter){
			.message_id = TEXT(b, "%" PRId64 ".1a2b3c4d5e@mail.test", old) });
	measure(store, "Message-ID that there is not",
	        (struct journey_filter){ .message_id = SLICE("none@mail.test") });
}

int main(int argc, char **argv)
{
	const struct store_config config = { .dir = argc > 1 ? argv[1] : "journey-bench",
		                             .create = true };
	struct filling f = { .messages = (argc > 2 ? strtoll(argv[2], NULL, 10) : 10000000) /
		                         ROWS_A_MESSAGE };
	struct store *store;
	int rc = store_open(&config, &store);
	f.first_ms = clock_wall_ms() - f.messages - JOURNEY_SETTLE_MS;
	queue_id_source_create(&f.ids);
	double begun = cpu_seconds();
	for (; rc == 0 && f.next < f.messages; f.next += BATCH)
		rc = store_commit(store, NULL, 0, add_some, &f);
	printf("%" PRId64 " rows written, %.1f us of CPU a message\n", f.messages * ROWS_A_MESSAGE,
	       (cpu_seconds() - begun) / (double)f.messages * 1e6);
	uint64_t count = 0;
	begun = cpu_seconds();
	if (rc == 0)
		rc = journey_sketch_all(store, clock_wall_ms(), &count);
	printf("%" PRIu64 " sketches, %.2f us of CPU a message\n", count,
	       (cpu_seconds() - begun) / (double)f.messages * 1e6);
	if (rc < 0)
		fprintf(stderr, "failed: %s\n", strerrordesc_np(-rc));
	else
		search(store, &f);
	store_close(store);
	return rc < 0;
}
