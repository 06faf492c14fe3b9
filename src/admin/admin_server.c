/* status, fsck: what is going on, what is wrong. */
#include <errno.h>
#include <unistd.h>

#include "admin/admin_commands.h"
#include "base/clock.h"
#include "directory/directory.h"
#include "fiber/fiber.h"
#include "queue/queue.h"
#include "store/store.h"

enum { FINDINGS_MAX = 1000 };

/* --- status ----------------------------------------------------------------------------- */

struct totals {
	int64_t domains, accounts, aliases, messages, bytes, queued;
};

static int count_all(struct db *db, void *arg)
{
	struct totals *t = arg;
	int rc = db_get_int(db, &t->domains, "SELECT count(*) FROM domain", "");
	if (rc == 0)
		rc = db_get_int(db, &t->accounts, "SELECT count(*) FROM account", "");
	if (rc == 0)
		rc = db_get_int(db, &t->aliases, "SELECT count(DISTINCT address) FROM alias", "");
	if (rc == 0)
		rc = db_get_int(db, &t->messages,
		                "SELECT coalesce(sum(message_count), 0) FROM mailbox", "");
	if (rc == 0)
		rc = db_get_int(db, &t->bytes, "SELECT coalesce(sum(used_bytes), 0) FROM account",
		                "");
	if (rc == 0)
		rc = db_get_int(db, &t->queued, "SELECT count(*) FROM queue_recipient", "");
	return rc;
}

static json_t *describe_services(const struct admin *admin)
{
	json_t *list = json_array();
	for (size_t i = 0; i < admin->service_count; i++) {
		const struct service_config *config = service_config(admin->services[i]);
		struct service_counts counts = service_counts(admin->services[i]);
		struct net_address address = config->address;
		char text[NET_ADDRESS_TEXT_MAX];
		if (service_port(admin->services[i]))
			net_address_set_port(&address, service_port(admin->services[i]));
		json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:I, s:I}", "listener",
		                                      config->name, "address",
		                                      net_address_text(&address, text), "open",
		                                      (json_int_t)counts.open, "accepted",
		                                      (json_int_t)counts.accepted, "refused",
		                                      (json_int_t)counts.refused));
	}
	return list;
}

static int status(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	(void)request;
	struct totals t = { 0 };
	int rc = store_read(admin->store, count_all, &t);
	if (rc < 0)
		return rc;
	bool running = admin->started_ms != 0;
	json_t *item = json_pack("{s:b, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I}", "running",
	                         running, "version", VEREDUS_VERSION, "hostname",
	                         admin->config->hostname, "store_failed",
	                         store_failed(admin->store), "domains", (json_int_t)t.domains,
	                         "users", (json_int_t)t.accounts, "aliases", (json_int_t)t.aliases,
	                         "messages", (json_int_t)t.messages, "bytes", (json_int_t)t.bytes,
	                         "queued", (json_int_t)t.queued);
	if (running) {
		json_object_set_new(item, "pid", json_integer(getpid()));
		json_object_set_new(item, "uptime_ms",
		                    json_integer(clock_wall_ms() - admin->started_ms));
		json_object_set_new(item, "listeners", describe_services(admin));
	}
	return admin_item(reply, item);
}

/* --- fsck ------------------------------------------------------------------------------- */

struct fsck {
	struct store *store;
	struct store_check check;
	json_t *findings;
	int rc;
};

static void note_finding(const char *what, void *arg)
{
	struct fsck *f = arg;
	if (json_array_size(f->findings) < FINDINGS_MAX)
		json_array_append_new(
			f->findings,
			json_pack("{s:o}", "finding", admin_json_text(slice_from_str(what))));
}

static void run_check(void *arg)
{
	struct fsck *f = arg;
	f->rc = store_check(f->store, &f->check);
}

static int fsck(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	(void)request;
	struct fsck f = { .store = admin->store, .findings = json_array() };
	f.check.report = note_finding;
	f.check.arg = &f;
	fiber_offload(run_check, &f);
	int sent = admin_items(reply, f.findings);
	if (f.rc < 0 || sent < 0)
		return f.rc < 0 ? f.rc : sent;
	return admin_item(reply,
	                  json_pack("{s:I, s:I, s:I, s:I, s:I}", "blobs", (json_int_t)f.check.blobs,
	                            "rows", (json_int_t)f.check.rows, "damaged",
	                            (json_int_t)f.check.damaged, "missing",
	                            (json_int_t)f.check.missing, "wrong_count",
	                            (json_int_t)f.check.wrong_count));
}

const struct admin_command admin_server_commands[] = {
	{ "status", status },
	{ "fsck", fsck },
	{ 0 },
};
