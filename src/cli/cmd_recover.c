/* veredus recover: mailboxes from segments alone.
 *
 * Every record in a segment says in its note where its message belongs (mailbox/note.h). A new
 * database gets the domains, accounts and mailboxes that are named there, and the messages in
 * them; their bytes stay where they are. What only the database knew is lost: passwords, aliases,
 * flags, and which messages were moved or deleted. */
#include <errno.h>

#include "cli/cli_admin.h"
#include "cli/cli_commands.h"
#include "directory/directory.h"
#include "mailbox/acl.h"
#include "mailbox/mailbox.h"
#include "mailbox/note.h"
#include "message/summary.h"
#include "store/store.h"

enum { AT_ONCE = 256, DOTS_EVERY = 10000 };

/* A record on its way into the database. */
struct found {
	struct segment_record record; /* without its bytes, which are gone by then */
	struct slice note;
	struct mailbox_new_message message;
};

/* What a commit found. */
struct tally {
	uint64_t messages, strange, relays;
};

struct recovery {
	struct store *store;
	struct arena *arena; /* of the records that wait for a commit */
	struct found found[AT_ONCE];
	size_t count;
	uint64_t records, damaged;
	struct tally done;
	struct tally found_now; /* by one commit */
	struct arena *names;    /* of one commit */
};

static int get_account(struct db *db, struct arena *arena, struct slice address, int64_t *id_out)
{
	struct account account;
	int rc = directory_find_account(db, arena, address, &account);
	if (rc == 0)
		*id_out = account.id;
	if (rc != -ENOENT)
		return rc;
	size_t at = (size_t)slice_find_last_byte(address, '@') + 1;
	const struct account_new new = { .address = address, .made = mailbox_make_folders };
	rc = directory_add_domain(db, slice_from(address, at));
	if (rc == 0 || rc == -EEXIST)
		rc = directory_add_account(db, &new, id_out);
	return rc;
}

static int get_mailbox(struct db *db, struct arena *arena, int64_t account_id, struct slice given,
                       int64_t *id_out)
{
	struct mailbox_info info;
	struct slice name;
	int rc = mailbox_name(arena, given, &name);
	if (rc == 0)
		rc = mailbox_find(db, arena, account_id, name, &info);
	if (rc == 0)
		*id_out = info.id;
	return rc == -ENOENT ? mailbox_create(db, account_id, name, USE_NONE, id_out) : rc;
}

static int put_into_mailbox(struct db *db, struct recovery *r, const struct note_line *line,
                            const struct mailbox_new_message *message)
{
	int64_t account = MAILBOX_PUBLIC, mailbox;
	uint32_t uid;
	int rc = 0;
	if (!slice_equal(line->address, SLICE(NOTE_PUBLIC)))
		rc = get_account(db, r->names, line->address, &account);
	if (rc == 0)
		rc = get_mailbox(db, r->names, account, line->mailbox, &mailbox);
	if (rc == -EINVAL) { /* no address, or no name: what comes of it is in nobody's way */
		r->found_now.strange++;
		return 0;
	}
	if (rc == 0)
		rc = mailbox_append(db, mailbox, message, &uid);
	if (rc == 0)
		r->found_now.messages++;
	return rc;
}

/* The date stands before the places in a note. */
static int put(struct db *db, struct recovery *r, struct found *f)
{
	struct cursor c = cursor_of(f->note);
	struct note_line line;
	bool known;
	int rc = blob_adopt(db, &f->record, &known);
	if (known) /* a copy that the collector made: it is in its mailboxes already */
		return rc;
	while (rc == 0 && note_next(&c, r->names, &line)) {
		if (line.kind == NOTE_AT)
			f->message.internal_ms = line.at_ms;
		else if (line.kind == NOTE_TO)
			rc = put_into_mailbox(db, r, &line, &f->message);
		else
			r->found_now.relays++;
	}
	return rc;
}

static int put_all(struct db *db, void *arg)
{
	struct recovery *r = arg;
	int rc = 0;
	arena_reset(r->names);
	r->found_now = (struct tally){ 0 };
	for (size_t i = 0; i < r->count && rc == 0; i++)
		rc = put(db, r, &r->found[i]);
	return rc;
}

static int flush(struct recovery *r)
{
	int rc = r->count > 0 ? store_commit(r->store, NULL, 0, put_all, r) : 0;
	if (r->count > 0 && rc == 0) {
		r->done.messages += r->found_now.messages;
		r->done.strange += r->found_now.strange;
		r->done.relays += r->found_now.relays;
	}
	r->count = 0;
	arena_reset(r->arena);
	return rc;
}

static int take_record(const struct segment_record *record, void *arg)
{
	struct recovery *r = arg;
	struct message_summary summary;
	if (record->disowned)
		return 0;
	r->records++;
	if (record->bad) {
		r->damaged++;
		return 0;
	}
	message_summarise(record->bytes, &MESSAGE_LIMITS_DEFAULT, r->arena, &summary);
	struct found *f = &r->found[r->count++];
	*f = (struct found){ .record = *record, .note = arena_copy(r->arena, record->note) };
	f->message = (struct mailbox_new_message){
		.blob_id = record->blob_id,
		.size_bytes = record->bytes.len,
		.internal_ms = 0,
		.envelope = arena_copy(r->arena, summary.envelope),
		.bodystructure = arena_copy(r->arena, summary.body_structure),
		.references = arena_copy(r->arena, summary.references),
	};
	if (r->records % DOTS_EVERY == 0)
		fprintf(stderr, "%llu records\n", (unsigned long long)r->records);
	return r->count == AT_ONCE ? flush(r) : 0;
}

static int recover_into(struct cli *cli, struct store *store)
{
	struct recovery *r = mem_zero(1, sizeof(*r));
	r->store = store;
	r->arena = arena_new();
	r->names = arena_new();
	int rc = store_walk_segments(cli->dir, take_record, r);
	if (rc == 0)
		rc = flush(r);
	printf("%llu records: %llu messages put into mailboxes", (unsigned long long)r->records,
	       (unsigned long long)r->done.messages);
	printf(", %llu damaged, %llu of unknown place\n", (unsigned long long)r->damaged,
	       (unsigned long long)r->done.strange);
	if (r->done.relays > 0)
		printf("%llu recipients elsewhere were not queued again, as nothing tells whether "
		       "they have their mail\n",
		       (unsigned long long)r->done.relays);
	arena_free(r->arena);
	arena_free(r->names);
	int status = r->damaged > 0 ? CLI_FOUND : CLI_OK;
	free(r);
	if (rc < 0)
		return cli_fail("recovery stopped: %s", strerrordesc_np(-rc));
	puts("Nobody can log in before `veredus user passwd ADDRESS`. Messages that were deleted "
	     "may be there\nagain, and all are unread.");
	return status;
}

static int recover(struct cli *cli)
{
	struct store_config config = { .dir = cli->dir };
	struct store *store;
	if (cli_become_owner(cli) != CLI_OK)
		return CLI_FAILED;
	int rc = store_open(&config, &store);
	if (rc == 0)
		store_close(store);
	if (rc == 0 || rc == -EWOULDBLOCK)
		return cli_fail("%s has a database: there is nothing to recover. If it is damaged, "
		                "stop the server and move veredus.db* away first",
		                cli->dir);
	if (rc != -ENOENT)
		return cli_fail("%s: the database can't be opened (%s): stop the server, move "
		                "veredus.db* away, and try again",
		                cli->dir, strerrordesc_np(-rc));
	config.create = true;
	rc = store_open(&config, &store);
	if (rc < 0)
		return cli_fail("%s: the store can't be made: %s", cli->dir, strerrordesc_np(-rc));
	int status = recover_into(cli, store);
	store_close(store);
	return status;
}

const struct cli_command cmd_recover = {
	.name = "recover",
	.summary = "Rebuild the mailboxes when the database is lost.",
	.usage = "",
	.text = "Reads all segments of DIR and makes a new veredus.db: domains, accounts, "
		"mailboxes "
		"and\nmessages come back. Passwords, aliases, flags and the queue do not, and "
		"deleted messages\nmay return. The exit status is 3 if records were damaged.\n",
	.run = recover,
};
