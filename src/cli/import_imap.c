/* veredus import imap: from another server, again and again until the users move.
 *
 * Of each folder UIDVALIDITY, UIDNEXT and HIGHESTMODSEQ are remembered. The next run brings
 * messages from UIDNEXT on, and the flags of those before it that changed: with CONDSTORE (RFC
 * 7162) only these are asked for. Each message is remembered, too, so that an interrupted run goes
 * on; and so are the UIDs of messages that could not be had, which the next run asks for again.
 * With --delete those that went there since are asked for, too, unless the folder has as many as it
 * had. */
#include <errno.h>

#include "admin/admin.h"
#include "cli/imap_answer.h"
#include "cli/imap_client.h"
#include "cli/import.h"
#include "cli/remote.h"
#include "fiber/fiber.h"

enum {
	TIMEOUT_MS = 300000,
	RESPONSE_EXTRA = 1 << 20, /* of a response, beside the message */
	FETCH_MESSAGES = 100,     /* at once */
	FETCH_BYTES = 8 << 20,
	FLAGS_AT_ONCE = 100,
	SET_BYTES_MAX = 32 << 20, /* of UIDs, as import.gone takes them */
	STATE_TEXT_MAX = 4000,    /* of what import.put takes */
};

struct wanted {
	uint32_t uid;
	bool came;
	uint64_t size;
};

struct folder {
	struct slice wire, name;
	const char *use;
};

struct imap_import {
	struct import im;
	struct cli *cli;
	struct remote remote;
	struct imap_client_config config;
	struct imap_client *client;
	struct arena *arena;    /* of the run */
	struct arena *response; /* of one response */
	struct slice prefix;    /* of the personal namespace: taken off names */
	struct folder *folders;
	size_t folder_count, folder_capacity;
	/* The folder at hand. */
	uint64_t uid_validity, uid_next, mod_seq;
	uint64_t examined_next;                       /* UIDNEXT at the beginning */
	uint32_t exists;                              /* messages there at the beginning */
	uint64_t old_validity, old_next, old_mod_seq; /* of the last run; 0: none */
	uint64_t old_exists; /* 0: unknown, or it did not look at what went */
	struct uid_set there;
	bool searched;
	struct wanted *wanted;
	size_t wanted_count, wanted_capacity;
	struct uid_set old_failed, failed; /* that could not be had, in the last run and in this */
	bool is_incomplete;                /* the server did not say all: nothing is noted */
	struct wanted *group;              /* those that are fetched */
	size_t group_count;
	bool is_unread;                   /* a message is there, but nothing came of it */
	uint32_t known_first, known_last; /* brought by a run that was interrupted; 0: none */
	uint32_t flags_first, flags_last; /* whose flags are wanted */
	json_t *flags;                    /* to be sent */
	uint64_t flags_changed;
	uint64_t removed;
	int status;
};

static int explain(struct imap_import *ii, int rc, const char *what)
{
	if (ii->status != CLI_OK) /* told already */
		return ii->status;
	return rc == 0 ? CLI_OK : cli_fail("%s: %s", what, imap_client_why(ii->client));
}

/* --- the folders ------------------------------------------------------------------------------ */

/* NAMESPACE (("INBOX." ".")) ... (RFC 2342) */
static int take_namespace(void *arg, struct slice response)
{
	struct imap_import *ii = arg;
	if (!slice_starts_with_nocase(response, SLICE("NAMESPACE ((\"")))
		return 0;
	struct slice rest = slice_from(response, 13);
	struct slice prefix = slice_split(&rest, '"');
	if (rest.len > 0 && !slice_equal_nocase(prefix, SLICE("INBOX")))
		ii->prefix = arena_copy(ii->arena, prefix);
	return 0;
}

static int take_listed(void *arg, struct slice response)
{
	struct imap_import *ii = arg;
	struct imap_listed l;
	arena_reset(ii->response);
	if (!imap_read_list(response, ii->response, &l) || l.cannot_be_selected)
		return 0;
	struct slice prefix = ii->prefix;
	struct slice name = l.name;
	/* The prefix ends with the separator, which is "/" by now. */
	if (prefix.len > 0 && slice_starts_with_nocase(l.wire, prefix))
		name = slice_from(name, prefix.len);
	if (ii->folder_count == ii->folder_capacity) {
		ii->folder_capacity = ii->folder_capacity ? ii->folder_capacity * 2 : 64;
		ii->folders = mem_grow(ii->folders, ii->folder_capacity * sizeof(*ii->folders));
	}
	ii->folders[ii->folder_count++] = (struct folder){ arena_copy(ii->arena, l.wire),
		                                           arena_copy(ii->arena, name), l.use };
	return 0;
}

static int list_folders(struct imap_import *ii)
{
	int rc = 0;
	if (imap_client_capabilities(ii->client) & IMAP_CAN_NAMESPACE)
		rc = imap_client_run(ii->client, take_namespace, ii, "NAMESPACE");
	if (rc >= 0)
		rc = imap_client_run(ii->client, take_listed, ii, "LIST \"\" \"*\"");
	return explain(ii, rc, "the list of folders");
}

static int take_examined(void *arg, struct slice response)
{
	struct imap_import *ii = arg;
	imap_read_code(response, SLICE("UIDVALIDITY"), &ii->uid_validity);
	imap_read_code(response, SLICE("UIDNEXT"), &ii->uid_next);
	imap_read_code(response, SLICE("HIGHESTMODSEQ"), &ii->mod_seq);
	imap_read_count(response, SLICE("EXISTS"), &ii->exists);
	return 0;
}

static int examine(struct imap_import *ii, const struct folder *f)
{
	bool condstore = imap_client_capabilities(ii->client) & IMAP_CAN_CONDSTORE;
	ii->uid_validity = ii->uid_next = ii->mod_seq = ii->exists = 0;
	return imap_client_run(ii->client, take_examined, ii, "EXAMINE %s%s",
	                       imap_client_quoted(ii->response, f->wire),
	                       condstore ? " (CONDSTORE)" : "");
}

/* --- what was there before -------------------------------------------------------------- */

static int load_state(struct imap_import *ii)
{
	const char *state;
	uint64_t numbers[4] = { 0 };
	int status = import_load_state(&ii->im, &state);
	struct slice rest = slice_from_str(state);
	for (int i = 0; i < 4; i++) {
		if (!slice_to_u64(slice_split(&rest, ' '), &numbers[i]))
			numbers[i] = 0;
	}
	bool same = numbers[0] == ii->uid_validity;
	ii->failed = ii->old_failed = (struct uid_set){ 0 };
	if (same && rest.len > 0 && uid_set_read(ii->im.arena, &ii->old_failed, rest) < 0)
		return cli_fail("%s: what is remembered of it is damaged", ii->im.folder);
	ii->is_incomplete = false;
	ii->known_first = ii->known_last = 0;
	ii->old_validity = numbers[0];
	ii->old_next = same ? numbers[1] : 0;
	ii->old_mod_seq = same ? numbers[2] : 0;
	ii->old_exists = same ? numbers[3] : 0;
	ii->examined_next = ii->uid_next;
	return status;
}

/* "9 120 715 33 7:8,12". What is not noted is looked at once more by the next run, which leaves out
 * what is here. */
static void note_state(struct imap_import *ii)
{
	struct buf text = buf_make(STATE_TEXT_MAX);
	uid_set_sort(&ii->failed);
	buf_printf(&text, "%llu %llu %llu %u ", (unsigned long long)ii->uid_validity,
	           (unsigned long long)ii->uid_next, (unsigned long long)ii->mod_seq,
	           cli_has(ii->cli, "delete") ? ii->exists : 0);
	if (uid_set_write(&ii->failed, &text) == 0 && !ii->is_incomplete)
		import_keep_state(&ii->im, arena_str(ii->response, buf_slice(&text)));
	buf_free(&text);
}

/* Some of the folder could not be had. */
static void note_incomplete(struct imap_import *ii, const char *what)
{
	ii->is_incomplete = true;
	import_note_failure(&ii->im, arena_printf(ii->response, "%s, %s", ii->im.folder, what),
	                    imap_client_why(ii->client));
}

static const char *key_of(const struct imap_import *ii, struct arena *arena, uint32_t uid)
{
	return arena_printf(arena, "%llu.%u", (unsigned long long)ii->uid_validity, uid);
}

/* --- messages --------------------------------------------------------------------------- */

static int take_size(void *arg, struct slice response)
{
	struct imap_import *ii = arg;
	struct imap_fetched f;
	arena_reset(ii->response);
	/* "n:*" gives the last message also if it is before n (RFC 3501 section 6.4.8). */
	if (!imap_read_fetch(response, ii->response, &f) || f.uid == 0 || !f.has_size ||
	    (f.uid < ii->old_next && !uid_set_has(&ii->old_failed, f.uid)))
		return 0;
	if (ii->wanted_count == ii->wanted_capacity) {
		ii->wanted_capacity = ii->wanted_capacity ? ii->wanted_capacity * 2 : 1024;
		ii->wanted = mem_grow(ii->wanted, ii->wanted_capacity * sizeof(*ii->wanted));
	}
	ii->wanted[ii->wanted_count++] = (struct wanted){ .uid = f.uid, .size = f.size };
	if (f.uid >= ii->uid_next)
		ii->uid_next = (uint64_t)f.uid + 1;
	return 0;
}

static json_t *keywords_of(const struct imap_fetched *f)
{
	json_t *list = json_array();
	for (size_t i = 0; i < f->keyword_count; i++)
		json_array_append_new(list, json_stringn(f->keywords[i].data, f->keywords[i].len));
	return list;
}

static struct wanted *find_wanted(struct imap_import *ii, uint32_t uid)
{
	for (size_t i = 0; i < ii->group_count; i++) {
		if (ii->group[i].uid == uid)
			return &ii->group[i];
	}
	return NULL;
}

static int take_message(void *arg, struct slice response)
{
	struct imap_import *ii = arg;
	struct imap_fetched f;
	arena_reset(ii->response);
	if (!imap_read_fetch(response, ii->response, &f)) {
		ii->is_unread |= slice_find_nocase(response, SLICE(" FETCH (")) > 0;
		return 0;
	}
	struct wanted *wanted = find_wanted(ii, f.uid);
	if (!wanted || wanted->came)
		return 0;
	if (!f.has_body) {
		ii->is_unread = true;
		return 0;
	}
	wanted->came = true;
	const struct import_message m = { .bytes = f.body,
		                          .at_ms = f.has_date ? f.date.unix_s * 1000
		                                              : clock_wall_ms(),
		                          .flags = f.flags,
		                          .keywords = keywords_of(&f),
		                          .key = key_of(ii, ii->response, f.uid),
		                          .uid = f.uid };
	ii->status = import_add(&ii->im, &m);
	import_show(&ii->im);
	return ii->status == CLI_OK ? 0 : -ECANCELED;
}

static int fetch_group(struct imap_import *ii, struct wanted *wanted, size_t count)
{
	struct buf set = buf_make(16 * 1024);
	for (size_t i = 0; i < count; i++)
		buf_printf(&set, "%s%u", i > 0 ? "," : "", wanted[i].uid);
	ii->group = wanted;
	ii->group_count = count;
	ii->is_unread = false;
	int rc = imap_client_run(ii->client, take_message, ii,
	                         "UID FETCH %.*s (UID FLAGS INTERNALDATE BODY.PEEK[])",
	                         SLICE_ARG(buf_slice(&set)));
	buf_free(&set);
	return rc;
}

static void note_failed(struct imap_import *ii, uint32_t uid, const char *why)
{
	uid_set_add(ii->im.arena, &ii->failed, uid, uid);
	import_note_failure(&ii->im, arena_printf(ii->response, "%s, UID %u", ii->im.folder, uid),
	                    why);
}

/* What did not come with the others is asked for by itself. If the server says nothing of it, and
 * OK, it went meanwhile. */
static int fetch_alone(struct imap_import *ii, struct wanted *wanted)
{
	int rc = fetch_group(ii, wanted, 1);
	if (rc < 0 || wanted->came)
		return rc < 0 ? rc : 0;
	if (rc == IMAP_CLIENT_NO)
		note_failed(ii, wanted->uid, imap_client_why(ii->client));
	else if (ii->is_unread)
		note_failed(ii, wanted->uid, "the server's answer holds no message");
	return 0;
}

static int fetch_some(struct imap_import *ii, struct wanted *wanted, size_t count)
{
	int rc = fetch_group(ii, wanted, count);
	for (size_t i = 0; i < count && rc >= 0; i++) {
		if (!wanted[i].came)
			rc = fetch_alone(ii, &wanted[i]);
	}
	return rc < 0 ? explain(ii, rc, "fetching messages") : CLI_OK;
}

static void note_known(struct imap_import *ii, uint32_t uid)
{
	ii->im.known++;
	if (ii->known_first == 0 || uid < ii->known_first)
		ii->known_first = uid;
	if (uid > ii->known_last)
		ii->known_last = uid;
}

/* Those of a group that are not here yet: the group becomes shorter. */
static int leave_known_out(struct imap_import *ii, struct wanted *group, size_t *count)
{
	const char *keys[FETCH_MESSAGES];
	bool known[FETCH_MESSAGES];
	size_t left = 0;
	arena_reset(ii->response);
	for (size_t i = 0; i < *count; i++)
		keys[i] = key_of(ii, ii->response, group[i].uid);
	int status = import_ask_known(&ii->im, keys, *count, known);
	for (size_t i = 0; i < *count && status == CLI_OK; i++) {
		if (known[i])
			note_known(ii, group[i].uid);
		else if (group[i].size > ii->im.message_bytes)
			note_failed(ii, group[i].uid, "the message is too large");
		else
			group[left++] = group[i];
	}
	*count = left;
	return status;
}

static int fetch_all(struct imap_import *ii)
{
	int status = CLI_OK;
	for (size_t at = 0; at < ii->wanted_count && status == CLI_OK;) {
		struct wanted group[FETCH_MESSAGES];
		size_t count = 0;
		uint64_t bytes = 0;
		while (at < ii->wanted_count && count < FETCH_MESSAGES &&
		       (count == 0 || bytes < FETCH_BYTES)) {
			bytes += ii->wanted[at].size;
			group[count++] = ii->wanted[at++];
		}
		status = leave_known_out(ii, group, &count);
		if (status == CLI_OK && count > 0)
			status = fetch_some(ii, group, count);
	}
	return status;
}

static int list_sizes(struct imap_import *ii, const char *set)
{
	int rc = imap_client_run(ii->client, take_size, ii, "UID FETCH %s (UID RFC822.SIZE)", set);
	if (rc < 0)
		return explain(ii, rc, "the list of messages");
	/* Some servers refuse it in an empty folder. */
	if (rc == IMAP_CLIENT_NO && ii->exists > 0)
		note_incomplete(ii, "the list of messages");
	return CLI_OK;
}

/* What the last run could not have, and what has come since. */
static int bring_new(struct imap_import *ii)
{
	struct buf set = buf_make(STATE_TEXT_MAX);
	int status = CLI_OK;
	ii->wanted_count = 0;
	uint64_t from = ii->old_next > 0 ? ii->old_next : 1;
	if (ii->old_failed.count > 0 && uid_set_write(&ii->old_failed, &set) == 0)
		status = list_sizes(ii, arena_str(ii->im.arena, buf_slice(&set)));
	buf_free(&set);
	if (status == CLI_OK && (ii->uid_next == 0 || from < ii->uid_next))
		status = list_sizes(ii,
		                    arena_printf(ii->im.arena, "%llu:*", (unsigned long long)from));
	return status == CLI_OK ? fetch_all(ii) : status;
}

/* --- flags of messages that are here ---------------------------------------------------- */

static void take_changed(const json_t *item, void *arg)
{
	((struct imap_import *)arg)->flags_changed += (uint64_t)cli_item_number(item, "changed");
}

static int send_flags(struct imap_import *ii)
{
	const struct cli_answer answer = { .item = take_changed, .arg = ii };
	if (json_array_size(ii->flags) == 0)
		return CLI_OK;
	json_t *request = json_pack("{s:s, s:s, s:o}", "address", ii->im.address, "source",
	                            ii->im.source, "messages", ii->flags);
	ii->flags = json_array();
	return cli_link_call(ii->im.link, "import.flags", request, NULL, 0, &answer);
}

static int take_flags(void *arg, struct slice response)
{
	struct imap_import *ii = arg;
	struct imap_fetched f;
	arena_reset(ii->response);
	if (!imap_read_fetch(response, ii->response, &f) || f.uid < ii->flags_first ||
	    f.uid > ii->flags_last || !f.has_flags)
		return 0;
	json_array_append_new(ii->flags,
	                      json_pack("{s:s, s:i, s:o}", "key", key_of(ii, ii->response, f.uid),
	                                "flags", (int)f.flags, "keywords", keywords_of(&f)));
	if (json_array_size(ii->flags) >= FLAGS_AT_ONCE)
		ii->status = send_flags(ii);
	return ii->status == CLI_OK ? 0 : -ECANCELED;
}

static int bring_flags_of(struct imap_import *ii, uint32_t first, uint32_t last)
{
	char since[48] = "";
	ii->flags_first = first;
	ii->flags_last = last;
	if (ii->old_mod_seq > 0 && ii->mod_seq > 0)
		snprintf(since, sizeof(since), " (CHANGEDSINCE %llu)",
		         (unsigned long long)ii->old_mod_seq);
	int rc = imap_client_run(ii->client, take_flags, ii, "UID FETCH %u:%u (UID FLAGS)%s", first,
	                         last, since);
	if (rc < 0)
		return explain(ii, rc, "flags");
	if (rc == IMAP_CLIENT_NO && ii->exists > 0)
		note_incomplete(ii, "flags");
	return send_flags(ii);
}

static int bring_flags(struct imap_import *ii)
{
	if (ii->old_next <= 1 || (ii->old_mod_seq > 0 && ii->old_mod_seq == ii->mod_seq))
		return CLI_OK;
	return bring_flags_of(ii, 1, (uint32_t)(ii->old_next - 1));
}

/* They may have changed since the run that was interrupted. */
static int bring_flags_of_known(struct imap_import *ii)
{
	return ii->known_first > 0 ? bring_flags_of(ii, ii->known_first, ii->known_last) : CLI_OK;
}

/* --- messages that went there ----------------------------------------------------------- */

static int take_there(void *arg, struct slice response)
{
	struct imap_import *ii = arg;
	if (imap_read_search(response, ii->response, &ii->there))
		ii->searched = true;
	return 0;
}

static void take_removed(const json_t *item, void *arg)
{
	((struct imap_import *)arg)->removed += (uint64_t)cli_item_number(item, "removed");
}

static int ask_gone(struct imap_import *ii, json_t *more, const struct slice *body)
{
	const struct cli_answer answer = { .item = take_removed, .arg = ii };
	json_object_set_new(more, "address", json_string(ii->im.address));
	json_object_set_new(more, "source", admin_json_text(slice_from_str(ii->im.source)));
	return cli_link_call(ii->im.link, "import.gone", more, body, body ? 1 : 0, &answer);
}

/* UIDs are not given again, so as many old ones as before are the same. */
static bool none_went(const struct imap_import *ii)
{
	uint64_t fresh = 0;
	for (size_t i = 0; i < ii->wanted_count; i++)
		fresh += ii->wanted[i].uid >= ii->old_next && ii->wanted[i].uid < ii->examined_next;
	return ii->old_exists > 0 && ii->exists - fresh == ii->old_exists;
}

static int send_there(struct imap_import *ii)
{
	struct buf set = buf_make(SET_BYTES_MAX);
	uid_set_sort(&ii->there);
	int rc = uid_set_write(&ii->there, &set);
	struct slice body = buf_slice(&set);
	int status = rc < 0 ? cli_fail("%s: too many messages to compare", ii->im.folder)
	                    : ask_gone(ii, json_pack("{s:I}", "below", (json_int_t)ii->old_next),
	                               &body);
	buf_free(&set);
	return status;
}

static int bring_deletions(struct imap_import *ii)
{
	if (!cli_has(ii->cli, "delete") || ii->old_next <= 1 || none_went(ii))
		return CLI_OK;
	/* What waits is remembered, before it is asked for what is to go. */
	int status = import_flush(&ii->im);
	if (status != CLI_OK)
		return status;
	arena_reset(ii->response);
	ii->there = (struct uid_set){ 0 };
	ii->searched = false;
	int rc = imap_client_run(ii->client, take_there, ii, "UID SEARCH UID 1:%llu",
	                         (unsigned long long)ii->old_next - 1);
	if (rc < 0)
		return explain(ii, rc, "the list of messages");
	if (rc != 0 || !ii->searched) {
		import_note_failure(&ii->im, ii->im.folder, "what was deleted there is not known");
		return CLI_OK;
	}
	return send_there(ii);
}

/* After that nothing goes with the UIDs of old. */
static int note_new_validity(struct imap_import *ii)
{
	if (ii->old_validity == 0 || ii->old_validity == ii->uid_validity)
		return CLI_OK;
	return ask_gone(ii, json_pack("{s:b}", "renewed", true), NULL);
}

/* --- one folder after the other --------------------------------------------------------- */

static const char *target_name(struct imap_import *ii, const struct folder *f)
{
	const char *into = cli_text(ii->cli, "folder");
	char *name = arena_str(ii->response, f->use ? slice_from_str(f->use) : f->name);
	import_clean_name(name);
	return into ? arena_printf(ii->response, "%s/%s", into, name) : name;
}

static int import_one(struct imap_import *ii, const struct folder *f)
{
	arena_reset(ii->response);
	int rc = examine(ii, f);
	if (rc == IMAP_CLIENT_NO) { /* its rights, or it went */
		import_note_failure(&ii->im, arena_str(ii->response, f->wire),
		                    imap_client_why(ii->client));
		return CLI_OK;
	}
	if (rc < 0)
		return explain(ii, rc, "a folder");
	const char *source = arena_printf(ii->response, "imap:%s@%s/%.*s into %s", ii->remote.user,
	                                  cli_text(ii->cli, "server"), SLICE_ARG(f->wire),
	                                  target_name(ii, f));
	int status = import_folder(&ii->im, target_name(ii, f), source);
	if (status == CLI_OK)
		status = load_state(ii);
	if (status == CLI_OK)
		status = note_new_validity(ii);
	if (status == CLI_OK)
		status = bring_flags(ii);
	if (status == CLI_OK)
		status = bring_new(ii);
	if (status == CLI_OK)
		status = bring_flags_of_known(ii);
	if (status == CLI_OK)
		status = bring_deletions(ii);
	if (status != CLI_OK)
		return status;
	note_state(ii);
	return import_flush(&ii->im);
}

static bool is_wanted(const struct imap_import *ii, const struct folder *f)
{
	const char *only = cli_text(ii->cli, "only");
	struct slice wanted = slice_from_str(only);
	if (!only || slice_equal(f->name, wanted))
		return true;
	return slice_starts_with(f->name, wanted) && f->name.data[wanted.len] == '/';
}

static int import_all(struct imap_import *ii)
{
	int rc = -ENOENT;
	for (size_t i = 0; i < ii->remote.hop_count && rc < 0; i++) {
		imap_client_close(ii->client);
		rc = imap_client_open(&ii->config, &ii->remote.hops[i], &ii->client);
	}
	if (rc != 0)
		return cli_fail("%s: %s", cli_text(ii->cli, "server"), imap_client_why(ii->client));
	int status = list_folders(ii);
	for (size_t i = 0; i < ii->folder_count && status == CLI_OK; i++) {
		if (is_wanted(ii, &ii->folders[i]))
			status = import_one(ii, &ii->folders[i]);
	}
	return status;
}

static void run(void *arg)
{
	struct imap_import *ii = arg;
	ii->arena = arena_new();
	ii->response = arena_new();
	ii->flags = json_array();
	int status = import_begin(ii->cli, &ii->im);
	if (status == CLI_OK) {
		status = import_all(ii);
		imap_client_close(ii->client);
		ii->im.flags_changed = ii->flags_changed;
		ii->im.removed = ii->removed;
		status = import_end(&ii->im, status);
	}
	ii->status = status;
	json_decref(ii->flags);
	free(ii->wanted);
	free(ii->folders);
	arena_free(ii->response);
	arena_free(ii->arena);
	runtime_stop(0);
}

int import_imap(struct cli *cli)
{
	struct imap_import *ii = mem_zero(1, sizeof(*ii));
	const struct runtime_config runtime = { .workers = 1 };
	ii->cli = cli;
	int status = remote_read(cli, 143, 993, TLS_RULE_IMPLICIT, false, &ii->remote);
	if (status == CLI_OK)
		status = remote_read_password(cli, &ii->remote);
	if (status == CLI_OK) {
		ii->config = (struct imap_client_config){
			.tls = ii->remote.tls,
			.tls_client = ii->remote.tls_client,
			.user = ii->remote.user,
			.password = ii->remote.password,
			.master = cli_text(cli, "master"),
			.timeout_ms = TIMEOUT_MS,
			.response_bytes = ((size_t)128 << 20) + RESPONSE_EXTRA,
		};
		int rc = runtime_run(&runtime, run, ii);
		status = rc < 0 ? cli_fail("the runtime does not start: %s", strerrordesc_np(-rc))
		                : ii->status;
	}
	remote_free(&ii->remote);
	free(ii);
	return status;
}
