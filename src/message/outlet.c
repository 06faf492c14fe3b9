#include "message/outlet.h"

#include <errno.h>

enum {
	OUTLET_PIECE = 32 * 1024, /* handed on from here on */
	OUTLET_MAX = 1024 * 1024, /* what one step may append */
};

void outlet_create(struct outlet *o, dot_sink *sink, void *arg)
{
	*o = (struct outlet){ .sink = sink, .arg = arg, .made = buf_make(OUTLET_MAX) };
}

static void outlet_flush(struct outlet *o)
{
	if (o->error == 0 && buf_failed(&o->made))
		o->error = -ENOBUFS;
	if (o->error == 0 && o->made.len > 0)
		o->error = o->sink(o->arg, buf_slice(&o->made));
	buf_clear(&o->made);
}

void outlet_turn(struct outlet *o)
{
	if (o->made.len >= OUTLET_PIECE || buf_failed(&o->made))
		outlet_flush(o);
}

void outlet_put(struct outlet *o, struct slice bytes)
{
	if (bytes.len < OUTLET_PIECE) {
		buf_append(&o->made, bytes);
		outlet_turn(o);
		return;
	}
	outlet_flush(o);
	if (o->error == 0)
		o->error = o->sink(o->arg, bytes);
}

int outlet_end(struct outlet *o)
{
	outlet_flush(o);
	buf_free(&o->made);
	return o->error;
}
