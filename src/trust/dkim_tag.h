/* Tag lists: what signatures, keys and policies are written in (RFC 6376 section 3.2).
 *
 *     tag-list = tag-spec *( ";" tag-spec ) [ ";" ]
 *     tag-spec = [FWS] tag-name [FWS] "=" [FWS] tag-value [FWS]
 *
 * The same for DKIM-Signature, ARC fields, key records and DMARC records. Pure: slices of the
 * results point into the text. UTF-8 is taken, as RFC 8616 wants. */
#ifndef VEREDUS_TRUST_DKIM_TAG_H
#define VEREDUS_TRUST_DKIM_TAG_H

#include "base/arena.h"

enum { DKIM_TAGS_MAX = 32 };

struct dkim_tag {
	struct slice name;
	struct slice value; /* without white space around it; may have folds inside */
	struct slice raw;   /* all between "=" and ";" */
};
struct dkim_tags {
	struct dkim_tag items[DKIM_TAGS_MAX];
	size_t count;
};

/* False for what is no tag list: other characters, more than DKIM_TAGS_MAX, or a name twice (which
 * makes the whole invalid). Parts with nothing in them are skipped. */
bool dkim_tags_parse(struct slice text, struct dkim_tags *out);
/* NULL: there is none. Names have case. */
const struct dkim_tag *dkim_tags_find(const struct dkim_tags *tags, const char *name);
/* The value, or empty. */
struct slice dkim_tags_value(const struct dkim_tags *tags, const char *name);

/* Without any white space, folds included; a copy only if there is some. */
struct slice dkim_strip(struct arena *arena, struct slice value);
/* The next item of a list with a separator, without white space around it; false at the end. */
bool dkim_list_next(struct slice *rest, char separator, struct slice *item_out);
/* Is the word (case does not matter) in a list with colons? */
bool dkim_list_has(struct slice list, struct slice word);

#endif
