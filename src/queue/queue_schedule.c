#include "queue/queue_schedule.h"

int64_t queue_schedule_pause(const struct queue_schedule *s, unsigned failures, uint64_t random)
{
	int64_t pause = s->first_ms > 0 ? s->first_ms : 1;
	for (unsigned i = 1; i < failures && pause < s->max_ms; i++)
		pause *= 2;
	if (pause > s->max_ms)
		pause = s->max_ms;
	int64_t tenth = pause / 10;
	if (tenth == 0)
		return pause;
	return pause - tenth + (int64_t)(random % (uint64_t)(2 * tenth + 1));
}

int64_t queue_schedule_due(int64_t now_ms, int64_t pause_ms, int64_t expires_ms)
{
	int64_t due = now_ms + pause_ms;
	if (now_ms < expires_ms && due > expires_ms)
		return expires_ms;
	return due;
}
