#include "queue/queue_pace.h"

#define CALM_MS  (60 * 1000)
#define WORKS_MS (60 * 1000)

#define MINUTE_US (60 * 1000 * 1000LL)
#define BURST_US  (1000 * 1000LL)

void queue_pace_begin(struct queue_pace *p, unsigned first)
{
	*p = (struct queue_pace){ .allowed = first > 0 ? first : 1 };
}

void queue_pace_faster(struct queue_pace *p, unsigned most, int64_t now_ms)
{
	p->worked_ms = now_ms;
	if (p->allowed >= most || now_ms < p->calm_until_ms)
		return;
	if (++p->went_well < p->allowed)
		return;
	p->allowed++;
	p->went_well = 0;
}

static void shrink(struct queue_pace *p, unsigned to, int64_t now_ms)
{
	if (p->allowed > to)
		p->allowed = to > 0 ? to : 1;
	p->went_well = 0;
	p->calm_until_ms = now_ms + CALM_MS;
}

void queue_pace_slower(struct queue_pace *p, unsigned connections, int64_t now_ms)
{
	shrink(p, (connections < p->allowed ? connections : p->allowed) / 2, now_ms);
}

bool queue_pace_works(const struct queue_pace *p, int64_t now_ms)
{
	return p->worked_ms > 0 && now_ms - p->worked_ms < WORKS_MS;
}

void queue_pace_one_less(struct queue_pace *p, unsigned connections, int64_t now_ms)
{
	shrink(p, connections - 1, now_ms);
}

/* --- rates ---------------------------------------------------------------------------- */

int64_t queue_meter_wait_ms(const struct queue_meter *m, unsigned per_minute, int64_t now_us)
{
	if (per_minute == 0)
		return 0;
	int64_t step_us = MINUTE_US / per_minute;
	int64_t ahead_us = m->until_us - now_us - (step_us < BURST_US ? BURST_US - step_us : 0);
	return ahead_us > 0 ? (ahead_us + 999) / 1000 : 0;
}

void queue_meter_count(struct queue_meter *m, unsigned per_minute, uint64_t count, int64_t now_us)
{
	if (per_minute == 0)
		return;
	if (m->until_us < now_us)
		m->until_us = now_us;
	m->until_us += (int64_t)count * MINUTE_US / per_minute;
}

int64_t queue_meters_wait_ms(const struct queue_meters *m, const struct config_rates *rates,
                             int64_t now_us)
{
	int64_t a = queue_meter_wait_ms(&m->messages, rates->messages, now_us);
	int64_t b = queue_meter_wait_ms(&m->recipients, rates->recipients, now_us);
	return a > b ? a : b;
}

void queue_meters_count(struct queue_meters *m, const struct config_rates *rates,
                        uint64_t recipients, int64_t now_us)
{
	queue_meter_count(&m->messages, rates->messages, 1, now_us);
	queue_meter_count(&m->recipients, rates->recipients, recipients, now_us);
}
