/* What the files of the IMAP server share: session, selected mailbox, command. Three structs,
 * three lifetimes. */
#ifndef VEREDUS_IMAP_IMAP_SESSION_H
#define VEREDUS_IMAP_IMAP_SESSION_H

#include "auth/auth.h"
#include "imap/imap.h"
#include "imap/imap_parse.h"
#include "mailbox/mailbox_view.h"

enum {
	IMAP_LOGIN_MS = 3 * 60 * 1000,      /* silence before login */
	IMAP_WRITE_MS = 5 * 60 * 1000,      /* for the client to take in what we send */
	IMAP_STRANGER_LITERAL_MAX = 4096,   /* bytes of a literal before login */
	IMAP_SMALL_LITERAL_MAX = 4096,      /* without waiting, by LITERAL- (RFC 7888) */
	IMAP_FETCH_BATCH = 64,              /* rows that are read at once */
	IMAP_FETCH_BATCH_BYTES = 256 << 10, /* of what is kept of them */
	IMAP_SLICE_MESSAGES = 2000,         /* handled before other sessions get a turn */
	IMAP_SEARCH_TEXT_MAX = 4 << 20,     /* bytes of a decoded part that SEARCH looks at */
};

enum imap_state {
	IMAP_STRANGER = 1, /* not authenticated */
	IMAP_USER = 2,     /* authenticated */
	IMAP_SELECTED = 4,
};

/* What the client has said it understands: by ENABLE, or by using it. */
enum imap_enabled {
	ENABLED_CONDSTORE = 1, /* RFC 7162 */
	ENABLED_QRESYNC = 2,
	ENABLED_REV2 = 4,     /* RFC 9051 */
	ENABLED_UTF8 = 8,     /* RFC 9755 */
	ENABLED_UIDONLY = 16, /* RFC 9586 */
};

/* From SELECT to CLOSE; made by malloc(). */
struct imap_update;
struct imap_selected {
	struct mailbox_view *view;    /* what the client has been told */
	struct uid_set saved;         /* the result "$" (RFC 5182): UIDs; made by malloc() */
	uint32_t recent_uid;          /* messages from this UID on are \Recent here */
	struct imap_update *updates;  /* imap_update.h */
	uint32_t uid_told;            /* messages up to here have been told of (RFC 5465) */
	bool flags_unwanted;          /* changes of flags are not told */
	struct mailbox_view *updated; /* what they have been told; NULL without any */
	uint64_t keys_known;          /* of imap_keys_now(): what has been told */
	int64_t owner_id;             /* whose it is */
	unsigned rights;              /* enum acl_right; imap_share.h */
	bool read_only;
};

struct imap_notify;
struct imap_session {
	struct session session;
	enum imap_state state;
	unsigned enabled; /* enum imap_enabled */
	int64_t account_id;
	char *address;                  /* of the account; made by malloc() */
	struct imap_selected *selected; /* NULL: none */
	struct imap_notify *notify;     /* imap_notify.h; NULL: no NOTIFY yet */
	char *idle_tag;                 /* while in IDLE; made by malloc() */
	unsigned bad_count;             /* in a row */
	unsigned login_failures;
	uint64_t command_count;
	int64_t write_deadline; /* see imap_write() */
	int write_error;        /* the first; nothing is sent after it */
	bool ending;            /* after LOGOUT or BYE */
};

enum imap_status { IMAP_OK, IMAP_NO, IMAP_BAD, IMAP_ANSWERED };

struct imap_command;
typedef void (*imap_handler)(struct imap_command *c);

struct imap_command_entry {
	struct slice name;
	imap_handler handler;
	unsigned flags;
};

/* From the first byte of a command to its tagged answer. */
struct imap_command {
	struct imap_session *s;
	struct arena *arena;
	struct slice tag;
	struct cursor args;   /* behind the name; not at the space */
	bool by_uid;          /* UID FETCH and its kin */
	bool is_literal_next; /* APPEND: the message follows on the connection */
	bool literal_at_once; /* and is sent without waiting for us */
	uint64_t literal_bytes;
	bool literal_taken; /* the message was read, or refused before it was sent */

	enum imap_status status; /* of the answer; OK unless a handler says otherwise */
	const char *code;        /* in brackets, or NULL */
	const char *text;
	const char *limit_code; /* "MESSAGELIMIT 1000 23": only the last of the messages; or NULL */
	int64_t progress_ms; /* when to tell next how far it is, monotonic; 0: as usual from now */
	struct uid_set own;  /* messages of the selected mailbox that it has made */
	struct slice own_name; /* of a mailbox that it has made, removed, renamed, subscribed */
	bool changes;          /* the selected mailbox, itself */
	bool hold_expunges;    /* the client may not be told of them now (RFC 3501 7.4.1) */
};

static inline const struct imap_context *imap_context(const struct imap_session *s)
{
	return service_context(s->session.service);
}

/* Names of mailboxes are UTF-8 on the wire, and so may quoted strings be. */
static inline bool imap_speaks_utf8(const struct imap_session *s)
{
	return s->enabled & (ENABLED_REV2 | ENABLED_UTF8);
}

/* --- answers: imap_command.c --------------------------------------------------------- */

/* Set what the tagged answer will be. */
void imap_ok(struct imap_command *c, const char *code, const char *text);
void imap_no(struct imap_command *c, const char *code, const char *text);
void imap_bad(struct imap_command *c, const char *text);
/* BAD [UIDREQUIRED] (RFC 9586). */
void imap_uid_required(struct imap_command *c);
/* NO for what a store or mailbox function returned, logged if the operator must know. */
void imap_failed(struct imap_command *c, int error);

/* Now and then in what takes long: so much of all is done (RFC 9585). */
void imap_tell_progress(struct imap_command *c, uint64_t done, uint64_t total);
/* Runs one whole command. prefix_literal as in imap_input.h. */
void imap_command_run(struct imap_command *c);
/* Untagged or in a tagged code: what is offered now. */
const char *imap_capabilities(struct imap_session *s, struct arena *arena);
bool imap_may_start_tls(const struct imap_session *s);
bool imap_may_compress(const struct imap_session *s);
bool imap_may_login(const struct imap_session *s);
struct auth_client imap_auth_client(const struct imap_session *s);

/* --- parsing helpers of handlers ----------------------------------------------------- */

/* A name, or a part of one, as the client writes it, into UTF-8. False: it is none. */
bool imap_decode_name(struct imap_command *c, struct slice wire, struct slice *utf8_out);
/* SP, then a mailbox name, decoded and checked. */
bool imap_take_mailbox(struct imap_command *c, struct slice *name_out);
/* The arguments are used up; else BAD is set. */
bool imap_at_end(struct imap_command *c);
/* Sequence numbers or UIDs of the selected mailbox as a set of UIDs; false (BAD is set) for a
 * sequence number that no message has. */
bool imap_resolve(struct imap_command *c, const struct imap_set *set, struct uid_set *uids_out);

/* --- selected mailbox: imap_sync.c --------------------------------------------------- */

/* What the client expects already of these messages, so that it is not told again. */
struct imap_expected {
	const struct uid_set *uids;
	enum flag_change how;
	uint64_t flags, mask; /* as in mailbox_seen.h */
};
/* Brings the session to the current view and tells what has changed. expected: or NULL. 0, or
 * why the view can't be had: -ENOENT when the mailbox has been deleted, -EACCES when it may not be
 * read any more. */
int imap_sync(struct imap_session *s, bool hold_expunges, const struct imap_expected *expected);
/* Of the messages of a command, which the client knows, none is there any more: others have
 * expunged them (RFC 2180 section 4). */
bool imap_are_gone(struct imap_session *s, const struct uid_set *uids);
/* Messages that nobody has been told of are \Recent for this session alone, from now on; unless
 * the mailbox is open for reading only. After SELECT, and before leaving. */
void imap_claim_recent(struct imap_session *s);
/* Leaves the selected mailbox, if any. */
void imap_deselect(struct imap_session *s);
/* "(\Seen \Recent red)" */
void imap_write_flags(struct imap_session *s, const struct mailbox_item *item);
/* "* 3 FETCH (", or with UIDONLY "* 7 UIDFETCH (". */
void imap_begin_fetch(struct imap_session *s, const struct mailbox_item *item);
/* "MODSEQ (12)" */
void imap_write_mod_seq(struct imap_session *s, const struct mailbox_item *item);
/* "* 3 FETCH (UID 7 FLAGS (\Seen) MODSEQ (12))", the last with CONDSTORE. */
void imap_tell_flags(struct imap_session *s, const struct mailbox_item *item, bool with_uid);
/* "* FLAGS" and "* OK [PERMANENTFLAGS" of the selected mailbox. */
void imap_write_flag_names(struct imap_session *s);
/* "* VANISHED 3:5,8", in lines that are not too long. */
void imap_tell_vanished(struct imap_session *s, const struct uid_set *uids, bool earlier);
/* \Recent messages in a view. */
uint32_t imap_recent_count(const struct mailbox_view *view, uint32_t recent_uid);

/* The use that an attribute without its backslash names; USE_NONE: none that we have. */
enum mailbox_use imap_use_of(struct slice attribute);
/* The bits of flags; keywords are made if there is room, else left out. In a commit. */
int imap_flag_bits(struct db *db, int64_t mailbox_id, const struct imap_flags *flags,
                   uint64_t *bits_out);
/* "* STATUS name (MESSAGES 3 ...)" */
int imap_write_status(struct imap_session *s, struct arena *arena, const struct mailbox_info *info,
                      int64_t viewer, unsigned items);

/* --- keys of URLs (RFC 4467): imap_urlauth.c ------------------------------------------ */

/* How many were reset so far, by anybody; to be kept by SELECT. */
uint64_t imap_keys_now(const struct imap_session *s);
/* Tells the client that another session of the account has reset the key of the selected mailbox
 * since. */
void imap_tell_keys(struct imap_session *s);

/* --- CONDSTORE and QRESYNC: imap_condstore.c ------------------------------------------ */

void imap_enable_condstore(struct imap_session *s);
/* "[HIGHESTMODSEQ 715]" as a code of the tagged answer, with CONDSTORE; else NULL. */
const char *imap_mod_seq_code(struct imap_command *c);
/* Of the UIDs that the client knows, those that went after a MODSEQ: perhaps more than that, but
 * none that is there. Into the command's arena. */
int imap_find_vanished(struct imap_command *c, const struct uid_set *known, uint64_t mod_seq,
                       struct uid_set *out);
/* FETCH responses of messages of the selected mailbox that no command is about; none becomes
 * \Seen. imap_fetch.c */
void imap_fetch_unasked(struct imap_session *s, struct arena *arena,
                        const struct imap_fetch *wanted, const struct uid_set *uids);
/* What changed since the client was here last, told behind SELECT's answers. */
int imap_resync(struct imap_command *c, const struct imap_select *select);

/* --- identifiers (RFC 8474), as they are told ----------------------------------------- */

void imap_write_mailbox_id(struct imap_session *s, int64_t mailbox_id);
/* Of the bytes and the date: the same in every copy. */
struct slice imap_email_id(struct arena *arena, const struct mailbox_message *row);

/* Of the message that the thread began with; empty if the row does not know it yet. */
struct slice imap_thread_id(struct arena *arena, const struct mailbox_message *row);

/* The same two as numbers of 63 bits, for X-GM-MSGID and X-GM-THRID; never 0. */
uint64_t imap_gmail_message(struct arena *arena, const struct mailbox_message *row);
uint64_t imap_gmail_thread(struct arena *arena, const struct mailbox_message *row);
/* "X-GM-LABELS (...)": keywords, and what Gmail calls \Flagged and \Draft. */
void imap_write_labels(struct imap_session *s, const struct mailbox_item *item);

#endif
