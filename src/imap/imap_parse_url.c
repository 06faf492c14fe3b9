#include "imap/imap_parse_url.h"

bool imap_take_genurlauth(struct cursor *c, struct arena *arena, struct imap_url_argument *out)
{
	*out = (struct imap_url_argument){ .what = 0 };
	return imap_take_space(c) && imap_take_astring(c, arena, &out->url) && imap_take_space(c) &&
	       imap_take_atom(c, &out->mechanism);
}

/* url-fetch-param = "BODY" / "BINARY" / "BODYPARTSTRUCTURE" / atom */
static bool take_param(struct cursor *c, unsigned *what)
{
	unsigned param;
	if (imap_take_word(c, SLICE("BODYPARTSTRUCTURE")))
		param = URLFETCH_STRUCTURE;
	else if (imap_take_word(c, SLICE("BODY")))
		param = URLFETCH_BODY;
	else if (imap_take_word(c, SLICE("BINARY")))
		param = URLFETCH_BINARY;
	else
		return false;
	/* Once each, and the body in one way only (RFC 5524 section 3.1). */
	if (*what & param)
		return false;
	*what |= param;
	return !(*what & URLFETCH_BODY) || !(*what & URLFETCH_BINARY);
}

bool imap_take_urlfetch(struct cursor *c, struct arena *arena, struct imap_url_argument *out)
{
	*out = (struct imap_url_argument){ .what = 0 };
	if (!imap_take_space(c))
		return false;
	if (!take_byte(c, '('))
		return imap_take_astring(c, arena, &out->url);
	if (!imap_take_astring(c, arena, &out->url))
		return false;
	while (imap_take_space(c)) {
		if (!take_param(c, &out->what))
			return false;
	}
	return take_byte(c, ')');
}
