#include "queue/queue_beat.h"

#include "base/hash.h"

struct seen {
	int64_t beat, still_ms;
	uint64_t look;
};

struct queue_beats {
	struct hash *owners; /* struct seen */
	int64_t between_ms, looked_ms, passed_ms;
	uint64_t look;
};

struct queue_beats *queue_beats_new(int64_t between_ms)
{
	struct queue_beats *b = mem_zero(1, sizeof(*b));
	b->owners = hash_new();
	b->between_ms = between_ms;
	return b;
}

void queue_beats_free(struct queue_beats *b)
{
	if (!b)
		return;
	hash_free_all(b->owners);
	free(b);
}

static void forget(struct queue_beats *b)
{
	size_t position = 0;
	struct slice owner;
	void *value;
	while (hash_next(b->owners, &position, &owner, &value)) {
		struct seen *s = value;
		if (s->look != b->look)
			free(hash_remove(b->owners, owner));
	}
}

void queue_beats_look(struct queue_beats *b, int64_t now_ms)
{
	int64_t passed_ms = b->look > 0 ? now_ms - b->looked_ms : 0;
	forget(b);
	b->passed_ms = passed_ms < b->between_ms ? passed_ms : b->between_ms;
	b->looked_ms = now_ms;
	b->look++;
}

int64_t queue_beats_see(struct queue_beats *b, struct slice owner, int64_t beat)
{
	struct seen *s = hash_find(b->owners, owner);
	if (!s) {
		s = mem_zero(1, sizeof(*s));
		s->beat = beat;
		hash_put(b->owners, owner, s);
	} else if (s->beat != beat) {
		s->beat = beat;
		s->still_ms = 0;
	} else {
		s->still_ms += b->passed_ms;
	}
	s->look = b->look;
	return s->still_ms;
}
