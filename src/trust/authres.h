/* Authentication-Results: RFC 8601 section 2.2. Also what stands behind the instance in
 * ARC-Authentication-Results (RFC 8617 section 4.1.1).
 *
 *     mx.example.org 1; dkim=pass reason="fine" header.d=example.net; spf=fail smtp.mailfrom=x
 *
 * Strict but for what the world does to property values. Results point into the text or lie in the
 * arena. */
#ifndef VEREDUS_TRUST_AUTHRES_H
#define VEREDUS_TRUST_AUTHRES_H

#include "base/arena.h"
#include "base/buf.h"

enum { AUTHRES_RESULTS_MAX = 64, AUTHRES_PROPERTIES_MAX = 16, AUTHRES_BYTES_MAX = 32 * 1024 };

struct authres_property {
	struct slice type, name, value; /* "header", "d", "example.net" */
};
struct authres_result {
	struct slice method, result, reason;
	struct authres_property *properties;
	size_t property_count;
};
struct authres {
	struct slice id; /* the authserv-id, without quotes */
	struct authres_result *results;
	size_t count; /* 0 for "none" */
};

/* Reads a value, without the name of the field. False if it is none. */
bool authres_parse(struct arena *arena, struct slice value, struct authres *out);
/* Does the value speak in our name? Also if it can't be read, and has our name anywhere. */
bool authres_is_ours(struct arena *arena, struct slice value, struct slice our_id);

/* Writing: each part begins a line of its own. */
void authres_put_result(struct buf *out, const char *method, const char *result,
                        const char *reason);
void authres_put_property(struct buf *out, const char *type, const char *name, struct slice value);

#endif
