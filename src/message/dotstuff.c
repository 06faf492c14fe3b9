#include "message/dotstuff.h"

enum {
	LINE_START,
	IN_LINE,
	AFTER_CR,
	AFTER_DOT,    /* the line began with a dot, which was not handed out */
	AFTER_DOT_CR, /* then came a CR, not handed out either */
};

int dot_sink_buf(void *arg, struct slice run) { return buf_append(arg, run); }

/* One call's way through a chunk. Bytes from run to at are due to be handed out. */
struct pass {
	dot_sink *sink;
	void *arg;
	const char *run;
	const char *at;
	const char *end;
	/* The first CR not before at, end if there is none, NULL if not known. Kept between
	 * steps: a chunk of bare LFs would otherwise be searched to its end for each of them. */
	const char *cr;
};

static struct pass pass_make(struct slice in, dot_sink *sink, void *arg)
{
	return (struct pass){
		.sink = sink, .arg = arg, .run = in.data, .at = in.data, .end = in.data + in.len
	};
}

static int pass_flush(struct pass *p)
{
	struct slice run = slice_of(p->run, (size_t)(p->at - p->run));
	p->run = p->at;
	return run.len > 0 ? p->sink(p->arg, run) : 0;
}

static int pass_insert(struct pass *p, struct slice text)
{
	int rc = pass_flush(p);
	return rc < 0 ? rc : p->sink(p->arg, text);
}

/* Drops the byte at the cursor from the output. */
static int pass_drop(struct pass *p)
{
	int rc = pass_flush(p);
	p->run = ++p->at;
	return rc;
}

/* The next CR or LF, or the end. */
static inline const char *pass_find_line_end(struct pass *p)
{
	if (!p->cr || p->cr < p->at) {
		p->cr = memchr(p->at, '\r', (size_t)(p->end - p->at));
		if (!p->cr)
			p->cr = p->end;
	}
	const char *lf = memchr(p->at, '\n', (size_t)(p->cr - p->at));
	return lf ? lf : p->cr;
}

struct dot_unstuffer dot_unstuffer_make(enum dot_bare bare)
{
	return (struct dot_unstuffer){ .bare = bare, .state = LINE_START };
}

static inline void count_line(struct dot_unstuffer *u)
{
	u->lines++;
	if (u->line_length > DOT_LINE_MAX)
		u->overlong_seen = true;
	u->line_length = 0;
}

static int unstuff_in_line(struct dot_unstuffer *u, struct pass *p)
{
	const char *stop = pass_find_line_end(p);
	u->line_length += (uint64_t)(stop - p->at);
	p->at = stop;
	if (stop == p->end)
		return 0;
	if (*stop == '\r') {
		p->at++;
		u->line_length++;
		u->state = AFTER_CR;
		return 0;
	}
	u->bare_seen = true;
	u->line_length++;
	count_line(u);
	int rc = u->bare == DOT_BARE_NORMALISE ? pass_insert(p, SLICE("\r")) : 0;
	p->at++;
	return rc;
}

static int unstuff_after_cr(struct dot_unstuffer *u, struct pass *p)
{
	if (*p->at == '\n') {
		p->at++;
		u->line_length++;
		u->state = LINE_START;
		count_line(u);
		return 0;
	}
	u->bare_seen = true;
	u->state = IN_LINE;
	if (u->bare != DOT_BARE_NORMALISE)
		return 0;
	count_line(u);
	return pass_insert(p, SLICE("\n"));
}

static int unstuff_line_start(struct dot_unstuffer *u, struct pass *p)
{
	if (*p->at != '.') {
		u->state = IN_LINE;
		return 0;
	}
	u->state = AFTER_DOT;
	return pass_drop(p);
}

static int unstuff_after_dot(struct dot_unstuffer *u, struct pass *p)
{
	if (*p->at != '\r') {
		u->state = IN_LINE;
		return 0;
	}
	u->state = AFTER_DOT_CR;
	return pass_drop(p);
}

static int unstuff_after_dot_cr(struct dot_unstuffer *u, struct pass *p)
{
	if (*p->at == '\n') {
		p->run = ++p->at;
		u->lines++;
		return 1;
	}
	u->state = AFTER_CR;
	u->line_length = 1;
	return pass_insert(p, SLICE("\r"));
}

static inline int unstuff_step(struct dot_unstuffer *u, struct pass *p)
{
	switch (u->state) {
	case LINE_START:
		return unstuff_line_start(u, p);
	case AFTER_CR:
		return unstuff_after_cr(u, p);
	case AFTER_DOT:
		return unstuff_after_dot(u, p);
	case AFTER_DOT_CR:
		return unstuff_after_dot_cr(u, p);
	default:
		return unstuff_in_line(u, p);
	}
}

int dot_unstuff(struct dot_unstuffer *u, struct slice in, dot_sink *sink, void *arg,
                size_t *used_out)
{
	struct pass p = pass_make(in, sink, arg);
	int rc = 0;
	while (rc == 0 && p.at < p.end)
		rc = unstuff_step(u, &p);
	if (rc == 0)
		rc = pass_flush(&p);
	*used_out = (size_t)(p.at - in.data);
	return rc;
}

struct dot_stuffer dot_stuffer_make(void) { return (struct dot_stuffer){ .state = LINE_START }; }

static int stuff_in_line(struct dot_stuffer *s, struct pass *p)
{
	const char *stop = pass_find_line_end(p);
	p->at = stop;
	if (stop == p->end)
		return 0;
	if (*stop == '\r') {
		p->at++;
		s->state = AFTER_CR;
		return 0;
	}
	int rc = pass_insert(p, SLICE("\r"));
	p->at++;
	s->state = LINE_START;
	return rc;
}

static int stuff_after_cr(struct dot_stuffer *s, struct pass *p)
{
	s->state = LINE_START;
	if (*p->at == '\n') {
		p->at++;
		return 0;
	}
	return pass_insert(p, SLICE("\n"));
}

static int stuff_line_start(struct dot_stuffer *s, struct pass *p)
{
	s->state = IN_LINE;
	return *p->at == '.' ? pass_insert(p, SLICE(".")) : 0;
}

int dot_stuff(struct dot_stuffer *s, struct slice in, dot_sink *sink, void *arg)
{
	struct pass p = pass_make(in, sink, arg);
	int rc = 0;
	while (rc == 0 && p.at < p.end) {
		if (s->state == LINE_START)
			rc = stuff_line_start(s, &p);
		else if (s->state == AFTER_CR)
			rc = stuff_after_cr(s, &p);
		else
			rc = stuff_in_line(s, &p);
	}
	return rc < 0 ? rc : pass_flush(&p);
}

int dot_stuff_end(struct dot_stuffer *s, dot_sink *sink, void *arg)
{
	struct slice end = SLICE("\r\n.\r\n");
	if (s->state == LINE_START)
		end = slice_from(end, 2);
	else if (s->state == AFTER_CR)
		end = slice_from(end, 1);
	s->state = LINE_START;
	return sink(arg, end);
}
