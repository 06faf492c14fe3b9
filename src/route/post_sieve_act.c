/* What the actions of scripts mean for a delivery. */
#include <errno.h>

#include "base/log.h"
#include "mailbox/mailbox.h"
#include "mailbox/note.h"
#include "message/address_list.h"
#include "message/header.h"
#include "route/post_sieve.h"

#define DAY_MS (24 * 60 * 60 * 1000LL)

__attribute__((format(printf, 2, 3))) static void sorting_say(struct sorting *s, const char *format,
                                                              ...)
{
	struct buf text = buf_make(1000);
	va_list args;
	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	struct post_word **tail = &s->drop->sorted->words;
	while (*tail)
		tail = &(*tail)->next;
	*tail = ARENA_NEW(s->arena, struct post_word);
	(*tail)->text = arena_copy(s->arena, buf_slice(&text));
	buf_free(&text);
}

/* --- memory --------------------------------------------------------------------------------- */

static void sorting_remember(struct sorting *s, enum sieve_memory kind, struct slice key,
                             int64_t for_ms)
{
	struct post_memory *m = ARENA_NEW(s->arena, struct post_memory);
	*m = (struct post_memory){ .next = s->drop->sorted->memories,
		                   .kind = kind,
		                   .key = key,
		                   .until_ms = s->d->now_ms + for_ms,
		                   .known = kind == SIEVE_SEEN && s->seen };
	s->drop->sorted->memories = m;
}

struct recalling {
	const struct sorting *s;
	enum sieve_memory kind;
	struct slice key;
	bool found;
};

static int recall(struct db *db, void *arg)
{
	struct recalling *r = arg;
	int rc = sieve_remembers(db, r->s->drop->target->account_id, r->kind, r->key,
	                         r->s->d->now_ms);
	r->found = rc > 0;
	return rc < 0 ? rc : 0;
}

int sorting_remembers(struct sorting *s, enum sieve_memory kind, struct slice key)
{
	struct recalling r = { .s = s, .kind = kind, .key = key };
	int rc = store_read(s->d->post->config.store, recall, &r);
	return rc < 0 ? rc : r.found;
}

/* --- folders -------------------------------------------------------------------------------- */

static struct post_edition *add_edition(struct sorting *s, struct slice header, struct slice body)
{
	struct delivery *d = s->d;
	struct post_edition *e = ARENA_NEW(s->arena, struct post_edition);
	*e = (struct post_edition){ .parts = { d->parts[0], header, body },
		                    .note = buf_make(STORE_NOTE_MAX) };
	e->size_bytes = e->parts[0].len + header.len + body.len;
	message_summarise(arena_concat(s->arena, &e->parts[1], 2), &d->post->config.config->message,
	                  s->arena, &e->summary);
	note_add_at(&e->note, d->now_ms);
	e->next = d->editions;
	d->editions = e;
	d->edition_count++;
	return e;
}

static struct post_edition *add_written(struct sorting *s, struct slice message)
{
	size_t length = header_length(message);
	struct post_edition *e = add_edition(s, slice_sub(message, 0, length),
	                                     slice_from(message, length));
	e->written = true;
	return e;
}

/* Of one message, however often it is filed. */
static struct post_edition *edition_of(struct sorting *s, const struct sieve_action *a)
{
	if (!a->edited)
		return NULL;
	for (struct post_edition *e = s->d->editions; e; e = e->next) {
		if (e->parts[1].data == a->header.data && e->parts[2].data == a->body.data &&
		    e->parts[1].len == a->header.len && e->parts[2].len == a->body.len)
			return e;
	}
	return add_edition(s, a->header, a->body);
}

static struct post_filing *add_filing(struct sorting *s, struct slice folder,
                                      struct post_edition *edition)
{
	struct post_filing **tail = &s->drop->sorted->filings;
	while (*tail)
		tail = &(*tail)->next;
	struct post_filing *f = ARENA_NEW(s->arena, struct post_filing);
	f->folder = folder;
	f->edition = edition;
	*tail = f;
	if (edition)
		note_add_to(&edition->note, s->drop->target->address,
		            folder.len > 0 ? folder : s->drop->folder);
	return f;
}

/* A keep that the script says itself is for the inbox, whatever the server thought of it. */
static void do_keep(struct sorting *s, const struct sieve_action *a)
{
	bool said = a->line > 0;
	struct post_filing *f = add_filing(s, said ? SLICE("INBOX") : SLICE_EMPTY,
	                                   edition_of(s, a));
	f->flags = a->flags;
}

static void do_fileinto(struct sorting *s, const struct sieve_action *a)
{
	struct slice name;
	if (mailbox_name(s->arena, a->mailbox, &name) < 0) {
		sorting_say(s, "no mailbox can be called \"%.*s\"", SLICE_ARG(a->mailbox));
		name = SLICE_EMPTY;
	}
	struct post_filing *f = add_filing(s, name, edition_of(s, a));
	f->flags = a->flags;
	f->create = a->create;
	f->special_use = a->special_use;
	f->mailbox_id = a->mailbox_id;
}

/* The copy of what was written; it is read already. */
static void do_fcc(struct sorting *s, const struct sieve_fcc *fcc, struct slice text)
{
	struct slice name;
	if (fcc->mailbox.len == 0 || mailbox_name(s->arena, fcc->mailbox, &name) < 0)
		return;
	struct post_filing *f = add_filing(s, name, add_written(s, text));
	f->flags = fcc->flags;
	f->create = fcc->create;
	f->special_use = fcc->special_use;
	f->mailbox_id = fcc->mailbox_id;
	f->mark_seen = true;
}

/* --- what goes out -------------------------------------------------------------------------- */

/* The envelope to one address, with who is said to hand it in. */
static struct post_outgoing *outgoing_new(struct sorting *s, struct slice reverse_path,
                                          struct slice address)
{
	struct post_outgoing *o = ARENA_NEW(s->arena, struct post_outgoing);
	struct address to = { .local = SLICE_EMPTY };
	o->recipients = ARENA_NEW(s->arena, struct post_recipient);
	if (!address_parse(s->arena, address, ADDRESS_ALLOW_UTF8, &to))
		to.local = address;
	o->recipients[0] = (struct post_recipient){ .local = to.local, .domain = to.domain };
	o->client = (struct post_client){
		.helo = "",
		.may_relay = true,
		.forwarded = arena_str(s->arena, s->drop->target->address),
	};
	o->envelope = (struct post_envelope){
		.reverse_path = reverse_path,
		.recipients = o->recipients,
		.recipient_count = 1,
		.sent_on = s->d->envelope->sent_on + 1,
	};
	return o;
}

/* 0, an error of the store, or -ENOENT or -ELOOP: it can't go there, which was noted. */
static int outgoing_add(struct sorting *s, struct post_outgoing *o, struct slice trace,
                        struct slice message, const char *what, struct slice address)
{
	int rc = post_parcel_to(s->d->post, &o->client, &o->envelope, trace, message, POST_ALL,
	                        &o->parcel);
	if (rc == -ENOENT || rc == -ELOOP)
		sorting_say(s, "%s %.*s failed: %s", what, SLICE_ARG(address),
		            rc == -ELOOP ? "a loop" : "there is no such address");
	if (rc < 0)
		return rc;
	struct post_outgoing **tail = &s->d->outgoing;
	while (*tail)
		tail = &(*tail)->next;
	*tail = o;
	sorting_say(s, "%s %.*s, as %s", what, SLICE_ARG(address), post_parcel_queue_id(o->parcel));
	return 0;
}

static bool was_sent_on_by(const struct sorting *s, size_t *hops_out)
{
	struct header_walk walk = { .rest = s->header };
	struct header_field f;
	bool was = false;
	*hops_out = 0;
	while (header_next(&walk, &f)) {
		if (!slice_equal_nocase(f.name, SLICE("Delivered-To")))
			continue;
		++*hops_out;
		was |= slice_equal_nocase(slice_trim(f.value), s->drop->target->address);
	}
	return was;
}

/* Why it is not sent on; NULL: it is. */
static const char *redirect_refusal(struct sorting *s, struct slice key, int *rc)
{
	size_t hops;
	if (was_sent_on_by(s, &hops))
		return "it was sent on from here before";
	if (hops >= POST_HOPS_MAX || s->d->envelope->sent_on >= POST_SENT_ON_MAX)
		return "it was sent on too often";
	if (s->d->summary.message_id.len == 0)
		return NULL;
	*rc = sorting_remembers(s, SIEVE_SENT_ON, key);
	return *rc > 0 ? "the same message went there a while ago" : NULL;
}

static int do_redirect(struct sorting *s, const struct sieve_action *a)
{
	struct delivery *d = s->d;
	const struct slice key[] = { d->summary.message_id, SLICE("\n"), a->address };
	struct slice remembered = arena_concat(s->arena, key, 3);
	int rc = 0;
	const char *why = redirect_refusal(s, remembered, &rc);
	if (rc < 0)
		return rc;
	if (why) {
		sorting_say(s, "not sent on to %.*s: %s", SLICE_ARG(a->address), why);
		/* What was not sent on must not be lost, unless it was sent before. */
		if (rc == 0 && !s->drop->sorted->filings)
			add_filing(s, SLICE_EMPTY, edition_of(s, a));
		return 0;
	}
	struct post_outgoing *o = outgoing_new(
		s, post_forward_sender(d->post, s->arena, d->envelope->reverse_path), a->address);
	o->envelope.sent_on_by = s->drop->target->address;
	o->envelope.checked = d->envelope->checked;
	o->envelope.smtputf8 = d->envelope->smtputf8;
	o->envelope.body_8bit = d->envelope->body_8bit;
	o->envelope.options = d->envelope->options;
	o->envelope.options.hold_until_ms = 0;
	o->envelope.ret = a->dsn.ret ? a->dsn.ret : d->envelope->ret;
	o->envelope.envid = d->envelope->envid;
	o->recipients[0].notify = a->dsn.notify ? a->dsn.notify : s->drop->recipient->notify;
	const struct slice trace[] = { SLICE("Delivered-To: "), s->drop->target->address,
		                       SLICE("\r\n"), a->edited ? SLICE_EMPTY : d->parts[1] };
	const struct slice message[] = { a->header, a->body };
	rc = outgoing_add(s, o, arena_concat(s->arena, trace, 4),
	                  a->edited ? arena_concat(s->arena, message, 2) : d->message, "sent on to",
	                  a->address);
	if (rc == -ENOENT || rc == -ELOOP) {
		add_filing(s, SLICE_EMPTY, edition_of(s, a));
		return 0;
	}
	if (rc == 0 && d->summary.message_id.len > 0)
		sorting_remember(s, SIEVE_SENT_ON, remembered,
		                 d->post->config.config->sieve.redirect_again_ms);
	return rc;
}

/* Errors as those of outgoing_add(). A message that we have written, to one address, without a
 * sender: nothing answers it. */
static int send_text(struct sorting *s, const struct sieve_action *a, struct slice text,
                     struct slice address, const char *what)
{
	struct post_outgoing *o = outgoing_new(s, SLICE_EMPTY, address);
	o->recipients[0].notify = NOTIFY_NEVER;
	o->envelope.options = envelope_options_of_report(&s->d->envelope->options);
	o->envelope.smtputf8 = !slice_is_ascii(address) || !slice_is_ascii(text);
	o->envelope.body_8bit = !slice_is_ascii(text);
	int rc = outgoing_add(s, o, SLICE_EMPTY, text, what, address);
	if (rc == 0)
		do_fcc(s, &a->fcc, text);
	return rc;
}

static bool is_unreachable(int rc) { return rc == -ENOENT || rc == -ELOOP; }

/* RFC 5230 section 4.2: who was answered and how is what is remembered. */
static int do_vacation(struct sorting *s, const struct sieve_action *a)
{
	const struct slice key[] = { arena_lower(s->arena, a->address), SLICE("\n"), a->handle };
	struct slice remembered = arena_concat(s->arena, key, 3);
	/* RFC 3834 section 2: its sender may be somebody who has sent nothing. */
	if (s->d->envelope->junk) {
		sorting_say(s, "%.*s is not answered: the message is junk", SLICE_ARG(a->address));
		return 0;
	}
	int rc = a->seconds > 0 ? sorting_remembers(s, SIEVE_ANSWERED, remembered) : 0;
	if (rc != 0) {
		if (rc > 0)
			sorting_say(s, "%.*s was answered before", SLICE_ARG(a->address));
		return rc < 0 ? rc : 0;
	}
	if (a->seconds > 0)
		sorting_remember(s, SIEVE_ANSWERED, remembered, a->seconds * 1000);
	rc = send_text(s, a, post_sieve_answer(s, a), a->address, "answered");
	return is_unreachable(rc) ? 0 : rc;
}

static int do_notify(struct sorting *s, const struct sieve_action *a)
{
	struct slice text = post_sieve_notice(s, a);
	int rc = send_text(s, a, text, a->address, "noticed to");
	const struct sieve_action again = { .kind = SIEVE_NOTIFY };
	for (size_t i = 0; i < a->cc.count && (rc == 0 || is_unreachable(rc)); i++)
		rc = send_text(s, &again, text, a->cc.items[i], "noticed to");
	return is_unreachable(rc) ? 0 : rc;
}

static int do_reject(struct sorting *s, const struct sieve_action *a)
{
	struct slice sender = s->d->envelope->reverse_path;
	/* RFC 5429 section 2.1: it must not get lost if nobody can be told of it, and strangers who
	 * are somebody else are not to be told. */
	if (sender.len == 0 || s->d->envelope->junk) {
		sorting_say(s, "not rejected: %s",
		            sender.len == 0 ? "it has no sender" : "its sender may be forged");
		add_filing(s, SLICE_EMPTY, NULL);
		return 0;
	}
	int rc = send_text(s, a, post_sieve_refusal(s, a), sender, "rejected to");
	if (!is_unreachable(rc))
		return rc;
	add_filing(s, SLICE_EMPTY, NULL);
	return 0;
}

static int do_action(struct sorting *s, const struct sieve_action *a)
{
	switch (a->kind) {
	case SIEVE_KEEP:
		do_keep(s, a);
		return 0;
	case SIEVE_FILEINTO:
		do_fileinto(s, a);
		return 0;
	case SIEVE_REDIRECT:
		return do_redirect(s, a);
	case SIEVE_REJECT:
		return do_reject(s, a);
	case SIEVE_VACATION:
		return do_vacation(s, a);
	case SIEVE_NOTIFY:
		return do_notify(s, a);
	case SIEVE_REMEMBER:
		sorting_remember(s, SIEVE_SEEN, a->id, a->seconds * 1000);
		return 0;
	case SIEVE_DISCARD:
		sorting_say(s, "discarded by %s, line %u", a->script, a->line);
		return 0;
	}
	return 0;
}

static void read_header(struct sorting *s)
{
	const struct slice parts[] = { s->d->parts[1],
		                       slice_sub(s->d->message, 0, header_length(s->d->message)) };
	s->header = arena_concat(s->arena, parts, 2);
}

int sorting_apply(struct sorting *s, const struct sieve_result *result)
{
	int rc = 0;
	read_header(s);
	for (size_t i = 0; i < result->action_count && rc == 0; i++)
		rc = do_action(s, &result->actions[i]);
	return rc;
}

int sorting_complain(struct sorting *s, const char *script, unsigned line, const char *text)
{
	struct slice key = slice_from_str(arena_printf(s->arena, "%s:%u: %s", script, line, text));
	struct slice name = slice_from_str(script);
	bool own = slice_equal(name, s->drop->script_name);
	sorting_say(s, "script %.*s failed in line %u: %s", SLICE_ARG(name), line, text);
	if (!own) {
		log_error("sieve.global.failed", kv_str("script", script), kv_int("line", line),
		          kv_str("error", text));
		return 0;
	}
	int rc = sorting_remembers(s, SIEVE_COMPLAINED, key);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	sorting_remember(s, SIEVE_COMPLAINED, key, DAY_MS);
	struct slice message = post_sieve_complaint(s, script, line, text);
	add_filing(s, SLICE("INBOX"), add_written(s, message));
	return 0;
}
