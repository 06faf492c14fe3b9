#include <errno.h>

#include "base/log.h"
#include "imap/imap_input.h"
#include "imap/imap_notify.h"
#include "imap/imap_reply.h"
#include "imap/imap_seek.h"
#include "imap/imap_share.h"
#include "imap/imap_utf7.h"

enum {
	ANY_STATE = IMAP_STRANGER | IMAP_USER | IMAP_SELECTED,
	LOGGED_IN = IMAP_USER | IMAP_SELECTED,
	/* The states above are the low bits; what else cuts across commands: */
	NO_ARGUMENT = 1 << 4,
	HAS_UID_FORM = 1 << 5,   /* may stand behind UID */
	HOLDS_EXPUNGES = 1 << 6, /* without UID: RFC 3501 section 7.4.1 */
	CHANGES = 1 << 7,        /* not in a mailbox that was opened by EXAMINE */
	NUMBERS = 1 << 9,        /* without UID it is about sequence numbers */
	TAKES_MESSAGE = 1 << 8,  /* ends with a literal that is read by the handler */
};

#define NAME(text)                                                                                 \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}

static const struct imap_command_entry imap_commands[] = {
	/* name                   handler           where and how it may stand */
	{ NAME("CAPABILITY"), imap_capability, ANY_STATE | NO_ARGUMENT },
	{ NAME("NOOP"), imap_noop, ANY_STATE | NO_ARGUMENT },
	{ NAME("LOGOUT"), imap_logout, ANY_STATE | NO_ARGUMENT },
	{ NAME("ID"), imap_id, ANY_STATE },
	{ NAME("STARTTLS"), imap_starttls, IMAP_STRANGER | NO_ARGUMENT },
	{ NAME("LOGIN"), imap_login, IMAP_STRANGER },
	{ NAME("AUTHENTICATE"), imap_authenticate, IMAP_STRANGER },
	{ NAME("UNAUTHENTICATE"), imap_unauthenticate, LOGGED_IN | NO_ARGUMENT },
	{ NAME("ENABLE"), imap_enable, LOGGED_IN },
	{ NAME("LANGUAGE"), imap_language, LOGGED_IN },
	{ NAME("NAMESPACE"), imap_namespace, LOGGED_IN | NO_ARGUMENT },
	{ NAME("SELECT"), imap_select, LOGGED_IN },
	{ NAME("EXAMINE"), imap_examine, LOGGED_IN },
	{ NAME("CREATE"), imap_create, LOGGED_IN },
	{ NAME("DELETE"), imap_delete, LOGGED_IN },
	{ NAME("RENAME"), imap_rename, LOGGED_IN },
	{ NAME("SUBSCRIBE"), imap_subscribe, LOGGED_IN },
	{ NAME("UNSUBSCRIBE"), imap_unsubscribe, LOGGED_IN },
	{ NAME("LIST"), imap_list, LOGGED_IN },
	{ NAME("LSUB"), imap_lsub, LOGGED_IN },
	{ NAME("XLIST"), imap_xlist, LOGGED_IN },
	{ NAME("STATUS"), imap_status, LOGGED_IN },
	{ NAME("SETACL"), imap_setacl, LOGGED_IN },
	{ NAME("DELETEACL"), imap_deleteacl, LOGGED_IN },
	{ NAME("GETACL"), imap_getacl, LOGGED_IN },
	{ NAME("LISTRIGHTS"), imap_listrights, LOGGED_IN },
	{ NAME("MYRIGHTS"), imap_myrights, LOGGED_IN },
	{ NAME("GETMETADATA"), imap_getmetadata, LOGGED_IN },
	{ NAME("SETMETADATA"), imap_setmetadata, LOGGED_IN },
	{ NAME("GETQUOTA"), imap_getquota, LOGGED_IN },
	{ NAME("GETQUOTAROOT"), imap_getquotaroot, LOGGED_IN },
	{ NAME("SETQUOTA"), imap_setquota, LOGGED_IN },
	{ NAME("APPEND"), imap_append, LOGGED_IN | TAKES_MESSAGE },
	{ NAME("REPLACE"), imap_replace,
	  IMAP_SELECTED | HAS_UID_FORM | NUMBERS | TAKES_MESSAGE | CHANGES },
	{ NAME("GENURLAUTH"), imap_genurlauth, LOGGED_IN },
	{ NAME("RESETKEY"), imap_resetkey, LOGGED_IN },
	{ NAME("URLFETCH"), imap_urlfetch, LOGGED_IN },
	{ NAME("NOTIFY"), imap_notify, LOGGED_IN },
	{ NAME("COMPRESS"), imap_compress, LOGGED_IN },
	{ NAME("IDLE"), imap_idle, LOGGED_IN | NO_ARGUMENT },
	{ NAME("CHECK"), imap_noop, IMAP_SELECTED | NO_ARGUMENT },
	{ NAME("CLOSE"), imap_close, IMAP_SELECTED | NO_ARGUMENT },
	{ NAME("UNSELECT"), imap_unselect, IMAP_SELECTED | NO_ARGUMENT },
	{ NAME("EXPUNGE"), imap_expunge, IMAP_SELECTED | HAS_UID_FORM | CHANGES },
	{ NAME("SEARCH"), imap_search, IMAP_SELECTED | HAS_UID_FORM | NUMBERS | HOLDS_EXPUNGES },
	{ NAME("SORT"), imap_sort, IMAP_SELECTED | HAS_UID_FORM | NUMBERS | HOLDS_EXPUNGES },
	{ NAME("THREAD"), imap_thread, IMAP_SELECTED | HAS_UID_FORM | NUMBERS | HOLDS_EXPUNGES },
	{ NAME("ESEARCH"), imap_esearch, LOGGED_IN },
	{ NAME("CANCELUPDATE"), imap_cancelupdate, IMAP_SELECTED },
	{ NAME("UIDBATCHES"), imap_uidbatches, IMAP_SELECTED },
	{ NAME("FETCH"), imap_fetch, IMAP_SELECTED | HAS_UID_FORM | NUMBERS | HOLDS_EXPUNGES },
	{ NAME("STORE"), imap_store,
	  IMAP_SELECTED | HAS_UID_FORM | NUMBERS | HOLDS_EXPUNGES | CHANGES },
	{ NAME("COPY"), imap_copy, IMAP_SELECTED | HAS_UID_FORM | NUMBERS },
	{ NAME("MOVE"), imap_move, IMAP_SELECTED | HAS_UID_FORM | NUMBERS | CHANGES },
};

static const struct imap_command_entry *find_command(struct slice name)
{
	for (size_t i = 0; i < sizeof(imap_commands) / sizeof(imap_commands[0]); i++) {
		if (slice_equal_nocase(imap_commands[i].name, name))
			return &imap_commands[i];
	}
	return NULL;
}

/* --- answers ------------------------------------------------------------------------- */

void imap_ok(struct imap_command *c, const char *code, const char *text)
{
	c->status = IMAP_OK;
	c->code = code;
	c->text = text;
}

void imap_no(struct imap_command *c, const char *code, const char *text)
{
	c->status = IMAP_NO;
	c->code = code;
	c->text = text;
}

void imap_bad(struct imap_command *c, const char *text)
{
	c->status = IMAP_BAD;
	c->code = NULL;
	c->text = text;
}

void imap_uid_required(struct imap_command *c)
{
	imap_bad(c, "There are no sequence numbers with UIDONLY.");
	c->code = "UIDREQUIRED";
}

/* What the operator must know, too. */
static void in_trouble(struct imap_command *c, int error)
{
	log_warn("imap.command.failed", kv_int("session", (int64_t)c->s->session.id),
	         kv_str("account", c->s->address), kv_slice("tag", c->tag), kv_error(error));
	switch (error) {
	case -EIO:
	case -EBUSY:
		imap_no(c, "UNAVAILABLE", "The store does not answer; please try again later.");
		break;
	case -EBADMSG:
		imap_no(c, "CORRUPTION", "What is kept is damaged.");
		break;
	default:
		imap_no(c, "UNAVAILABLE", "Internal trouble; please try again later.");
	}
}

void imap_failed(struct imap_command *c, int error)
{
	switch (error) {
	case -EEXIST:
		imap_no(c, "ALREADYEXISTS", "There is a mailbox of that name.");
		break;
	case -ENOENT:
		imap_no(c, "NONEXISTENT", "There is no such mailbox.");
		break;
	case -EINVAL:
		imap_no(c, "CANNOT", "That is no name for a mailbox.");
		break;
	case -EPERM:
		imap_no(c, "CANNOT", "INBOX can't be deleted.");
		break;
	case -ENFILE:
		imap_no(c, "LIMIT", "Too many mailboxes.");
		break;
	case -EDQUOT:
		imap_no(c, "OVERQUOTA", "The quota would be exceeded.");
		break;
	case -ENOSPC:
		imap_no(c, "UNAVAILABLE", "The server's disk is full.");
		break;
	default:
		in_trouble(c, error);
	}
}

void imap_tell_progress(struct imap_command *c, uint64_t done, uint64_t total)
{
	int64_t now = clock_monotonic_ms(), every = imap_context(c->s)->config->imap.progress_ms;
	if (c->progress_ms == 0)
		c->progress_ms = now + every;
	if (now < c->progress_ms || done >= total)
		return;
	c->progress_ms = now + every;
	imap_printf(c->s, "* OK [INPROGRESS (\"%.*s\" %llu %llu)] Still at it.\r\n",
	            SLICE_ARG(c->tag), (unsigned long long)done, (unsigned long long)total);
	imap_extend(c->s);
	imap_flush(c->s);
}

/* --- arguments ----------------------------------------------------------------------- */

bool imap_decode_name(struct imap_command *c, struct slice wire, struct slice *utf8_out)
{
	if (!imap_speaks_utf8(c->s))
		return imap_utf7_decode(c->arena, wire, utf8_out) == 0;
	*utf8_out = wire;
	return slice_is_utf8(wire);
}

bool imap_take_mailbox(struct imap_command *c, struct slice *name_out)
{
	struct slice wire, name;
	if (!imap_take_space(&c->args) || !imap_take_astring(&c->args, c->arena, &wire)) {
		imap_bad(c, "A mailbox name is missing.");
		return false;
	}
	/* A trailing separator only says that mailboxes below it will follow. */
	if (wire.len > 1 && slice_ends_with(wire, SLICE("/")))
		wire.len--;
	if (!imap_decode_name(c, wire, &name) || mailbox_name(c->arena, name, name_out) < 0) {
		imap_no(c, "CANNOT", "That is no name for a mailbox.");
		return false;
	}
	return true;
}

bool imap_at_end(struct imap_command *c)
{
	if (cursor_at_end(&c->args))
		return true;
	imap_bad(c, "Too many arguments.");
	return false;
}

/* A set as UIDs; numbers that no message has are left out. */
static struct uid_set imap_set_uids(struct imap_command *c, const struct imap_set *set, bool by_uid)
{
	struct imap_seek seek = imap_seek_of(c, NULL);
	return imap_seek_uids(&seek, set, by_uid);
}

bool imap_resolve(struct imap_command *c, const struct imap_set *set, struct uid_set *uids_out)
{
	if (!c->by_uid && imap_set_greatest(set) > c->s->selected->view->count) {
		imap_bad(c, "There is no message of that number.");
		return false;
	}
	*uids_out = imap_set_uids(c, set, c->by_uid);
	return true;
}

/* --- running ------------------------------------------------------------------------- */

/* tag SP ["UID" SP] name; NULL after setting BAD. */
static const struct imap_command_entry *take_command(struct imap_command *c)
{
	const struct imap_command_entry *entry;
	struct slice name;

	if (!imap_take_space(&c->args) || !imap_take_atom(&c->args, &name)) {
		imap_bad(c, "No command.");
		return NULL;
	}
	if (slice_equal_nocase(name, SLICE("UID"))) {
		c->by_uid = true;
		if (!imap_take_space(&c->args) || !imap_take_atom(&c->args, &name)) {
			imap_bad(c, "UID what?");
			return NULL;
		}
	}
	entry = find_command(name);
	if (!entry || (c->by_uid && !(entry->flags & HAS_UID_FORM))) {
		imap_bad(c, "Unknown command.");
		return NULL;
	}
	return entry;
}

/* What the table says about where a command may stand. */
static bool may_run(struct imap_command *c, const struct imap_command_entry *entry)
{
	struct imap_session *s = c->s;
	if (!(entry->flags & s->state)) {
		imap_bad(c, s->state == IMAP_STRANGER      ? "Please log in first."
		            : entry->flags & IMAP_SELECTED ? "Please select a mailbox first."
		                                           : "You are logged in already.");
		return false;
	}
	if ((s->enabled & ENABLED_UIDONLY) && (entry->flags & NUMBERS) && !c->by_uid) {
		imap_uid_required(c);
		return false;
	}
	if ((entry->flags & NO_ARGUMENT) && !imap_at_end(c))
		return false;
	if (c->is_literal_next && !(entry->flags & TAKES_MESSAGE)) {
		imap_bad(c, "No message expected.");
		return false;
	}
	if ((entry->flags & LOGGED_IN) == IMAP_SELECTED && imap_refresh_rights(s) == -EACCES) {
		imap_no(c, "NOPERM", "You may not read that any more.");
		return false;
	}
	if ((entry->flags & CHANGES) && s->selected && s->selected->read_only) {
		bool by_rights = !imap_may_change(s->selected->rights);
		imap_no(c, by_rights ? "NOPERM" : "CANNOT",
		        "The mailbox is open for reading only.");
		return false;
	}
	return true;
}

/* RFC 9738 section 3.1: in the tagged answer, but another code goes first. */
static void tell_limit(struct imap_command *c)
{
	if (!c->limit_code || c->status == IMAP_ANSWERED || c->status == IMAP_BAD)
		return;
	if (!c->code) {
		c->code = c->limit_code;
		c->text = "That was the last of them.";
		return;
	}
	if (c->status == IMAP_OK)
		imap_printf(c->s, "* NO [%s] That was the last of them.\r\n", c->limit_code);
}

static void answer(struct imap_command *c)
{
	struct imap_session *s = c->s;
	bool silent = imap_notify_is_silent(s) && !c->changes && c->own.count == 0;
	bool tells = s->selected && !s->ending && c->status != IMAP_ANSWERED;
	if (tells && silent) {
		imap_tell_keys(s); /* that is no event of NOTIFY */
	} else if (tells) {
		int rc = imap_notify_sync(s, c->hold_expunges, &c->own);
		if (!imap_end_if_lost(s, rc) && rc < 0)
			log_warn("imap.sync.failed", kv_str("account", s->address), kv_error(rc));
	}
	if (c->own_name.len > 0)
		imap_notify_own(s, c->own_name);
	tell_limit(c);
	s->bad_count = c->status == IMAP_BAD ? s->bad_count + 1 : 0;
	if (c->status != IMAP_ANSWERED)
		imap_write_tagged(s, c->tag, c->status, c->code, c->text);
}

void imap_command_run(struct imap_command *c)
{
	const struct imap_command_entry *entry = take_command(c);
	imap_extend(c->s);
	c->s->command_count++;
	if (entry && may_run(c, entry)) {
		c->changes = entry->flags & CHANGES;
		c->hold_expunges = (entry->flags & HOLDS_EXPUNGES) && !c->by_uid;
		imap_ok(c, NULL, "Done.");
		entry->handler(c);
	}
	imap_extend(c->s);
	answer(c);
}
