/* SRS with its keys, by the configuration. */
#include <errno.h>

#include "base/clock.h"
#include "base/slice.h"
#include "route/srs.h"

struct srs {
	const struct config_forward *config;
	struct slice domain;
	struct sender_ring *ring;
};

int srs_open(struct store *store, const struct config *config, struct srs **out)
{
	const struct config_forward *c = &config->forward;
	*out = NULL;
	if (!c->srs)
		return 0;
	struct srs *s = mem_zero(1, sizeof(*s));
	s->config = c;
	s->domain = slice_from_str(c->srs_domain ? c->srs_domain : config->hostname);
	int rc = sender_ring_open(store, SENDER_KEY_SRS, c->srs_rotate_ms, c->srs_max_age_ms,
	                          &s->ring);
	if (rc < 0)
		srs_close(s);
	else
		*out = s;
	return rc;
}

void srs_close(struct srs *s)
{
	if (!s)
		return;
	sender_ring_close(s->ring);
	free(s);
}

struct slice srs_domain(const struct srs *s) { return s->domain; }

enum srs_result srs_find(struct srs *s, struct db *db, struct arena *arena, struct slice local,
                         struct address *out)
{
	struct sender_keys keys = sender_ring_keys(s->ring);
	int64_t now_ms = clock_wall_ms(), max_age_ms = s->config->srs_max_age_ms;
	enum srs_result found = srs_reverse(arena, &keys, local, now_ms, max_age_ms, out);
	if (found == SRS_FORGED && sender_ring_look_again(s->ring, db, &keys))
		found = srs_reverse(arena, &keys, local, now_ms, max_age_ms, out);
	return found;
}

struct slice srs_sender(struct srs *s, struct arena *arena, struct slice path)
{
	struct address sender, out;
	int64_t now_ms = clock_wall_ms();
	struct sender_keys keys = sender_ring_fresh(s->ring, now_ms);
	if (!address_parse(arena, path, ADDRESS_ALLOW_UTF8, &sender) ||
	    !srs_rewrite(arena, &keys, &sender, s->domain, now_ms, &out))
		return path;
	return address_text(arena, &out);
}
