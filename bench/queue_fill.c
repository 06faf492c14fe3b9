/* Fills a queue as it is after a restart: messages of one recipient each that nobody has a lease
 * of, all due, to so many destinations in turn. These are address literals in 127.0.0.0/8, so that
 * each is a destination of its own and no DNS is asked; the port is the configuration's smtp-port.
 *
 *     queue_fill DIRECTORY MESSAGES DESTINATIONS */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "route/queue_rows.h"
#include "store/store.h"

enum { GROUP = 2000, BODY_BYTES = 1024 };
#define DAY_MS (24 * 3600 * 1000LL)

struct group {
	int64_t first, count, destinations;
	struct store_blob *blobs;
};

static int add(struct db *db, const struct group *g, int64_t i)
{
	char id[17], path[64];
	int64_t n = (g->first + i) % g->destinations + 2;
	snprintf(id, sizeof(id), "B%015lld", (long long)(g->first + i));
	int len = snprintf(path, sizeof(path), "user@[127.%d.%d.%d]", (int)(n >> 16 & 255),
	                   (int)(n >> 8 & 255), (int)(n & 255));
	struct slice to = slice_of(path, (size_t)len);
	const struct queue_new_recipient recipient = { .forward_path = to,
		                                       .domain = slice_from(to, 5) };
	const struct queue_new_message m = {
		.queue_id = slice_from_str(id),
		.reverse_path = SLICE("sender@bench.test"),
		.blob_id = g->blobs[i].id,
		.size_bytes = BODY_BYTES,
		.now_ms = clock_wall_ms(),
		.due_ms = clock_wall_ms(),
		.expires_ms = clock_wall_ms() + DAY_MS,
		.recipients = &recipient,
		.recipient_count = 1,
	};
	return queue_add_message(db, &m);
}

static int commit(struct db *db, void *arg)
{
	const struct group *g = arg;
	int rc = 0;
	for (int64_t i = 0; i < g->count && rc == 0; i++)
		rc = add(db, g, i);
	return rc;
}

static void make_message(char room[static BODY_BYTES])
{
	int len = snprintf(room, BODY_BYTES,
	                   "Subject: bench\r\nMessage-ID: <1@bench.test>\r\n\r\n");
	for (int i = len; i < BODY_BYTES; i++)
		room[i] = i % 72 == 70 ? '\r' : i % 72 == 71 ? '\n' : 'x';
	memcpy(room + BODY_BYTES - 2, "\r\n", 2);
}

static int fill(struct store *store, int64_t messages, int64_t destinations)
{
	char room[BODY_BYTES];
	make_message(room);
	const struct slice part = slice_of(room, sizeof(room));
	struct store_blob *blobs = mem_zero(GROUP, sizeof(*blobs));
	int rc = 0;
	for (int64_t first = 0; first < messages && rc == 0; first += GROUP) {
		struct group g = { .first = first,
			           .count = messages - first < GROUP ? messages - first : GROUP,
			           .destinations = destinations,
			           .blobs = blobs };
		for (int64_t i = 0; i < g.count; i++)
			blobs[i] = (struct store_blob){ .parts = &part, .part_count = 1 };
		rc = store_commit(store, blobs, (size_t)g.count, commit, &g);
	}
	free(blobs);
	return rc;
}

int main(int argc, char **argv)
{
	struct store *store;
	uint64_t messages, destinations;
	if (argc != 4 || !slice_to_u64(slice_from_str(argv[2]), &messages) ||
	    !slice_to_u64(slice_from_str(argv[3]), &destinations) || destinations == 0) {
		fprintf(stderr, "usage: queue_fill DIRECTORY MESSAGES DESTINATIONS\n");
		return 2;
	}
	const struct store_config config = { .dir = argv[1] };
	int rc = store_open(&config, &store);
	if (rc == 0) {
		rc = fill(store, (int64_t)messages, (int64_t)destinations);
		store_close(store);
	}
	if (rc < 0)
		fprintf(stderr, "queue_fill: %s\n", strerrordesc_np(-rc));
	return rc < 0 ? 1 : 0;
}
