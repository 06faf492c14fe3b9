#include "queue/queue_schedule.h"

static int64_t own_or(int64_t own_ms, int64_t usual_ms) { return own_ms ? own_ms : usual_ms; }

struct queue_schedule queue_schedule_of(const struct config *config,
                                        const struct config_smarthost *way)
{
	static const struct config_times none;
	const struct config_times *own = way ? &way->times : &none;
	const struct config_times *usual = &config->queue.times;
	return (struct queue_schedule){
		.first_ms = own_or(own->retry_first_ms, usual->retry_first_ms),
		.max_ms = own_or(own->retry_max_ms, usual->retry_max_ms),
		.expire_ms = own->expire_ms,
		.delay_notice_ms = own_or(own->delay_notice_ms, usual->delay_notice_ms),
		.delay_unasked = config->queue.delay_notice_unasked,
	};
}

struct queue_schedule queue_schedule_bounds(const struct config *config)
{
	struct queue_schedule all = queue_schedule_of(config, NULL);
	all.expire_ms = config->queue.times.expire_ms;
	for (size_t i = 0; i < config->smarthost_count; i++) {
		const struct config_times *own = &config->smarthosts[i].times;
		if (own->retry_max_ms > all.max_ms)
			all.max_ms = own->retry_max_ms;
		if (own->expire_ms > 0 && own->expire_ms < all.expire_ms)
			all.expire_ms = own->expire_ms;
	}
	return all;
}

int64_t queue_schedule_expiry(const struct queue_schedule *s, int64_t arrived_ms, int64_t stored_ms)
{
	return s->expire_ms > 0 ? arrived_ms + s->expire_ms : stored_ms;
}

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
