/* Prometheus text. Names are veredus_WHAT_UNIT; counters end in _total. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "admin/admin.h"
#include "auth/auth.h"
#include "base/clock.h"
#include "dns/dns.h"
#include "guard/guard.h"
#include "guard/guard_grey.h"
#include "mailbox/learner.h"
#include "queue/queue.h"
#include "route/post.h"
#include "route/quarantine.h"
#include "store/db.h"
#include "store/store.h"

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP veredus_%s %s\n# TYPE veredus_%s %s\n", name, help, name, type);
}

static void counter(struct buf *out, const char *name, const char *help, uint64_t value)
{
	head(out, name, "counter", help);
	buf_printf(out, "veredus_%s %llu\n", name, (unsigned long long)value);
}

static void gauge(struct buf *out, const char *name, const char *help, double value)
{
	head(out, name, "gauge", help);
	buf_printf(out, "veredus_%s %.15g\n", name, value);
}

/* One value of a family with one label. */
static void labelled(struct buf *out, const char *name, const char *label, const char *text,
                     uint64_t value)
{
	buf_printf(out, "veredus_%s{%s=\"%s\"} %llu\n", name, label, text,
	           (unsigned long long)value);
}

/* --- the process ------------------------------------------------------------------------ */

/* The second number of statm: resident pages. */
static double resident_bytes(void)
{
	char text[128] = "";
	uint64_t pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");
	if (file) {
		if (fgets(text, sizeof(text), file)) {
			struct slice rest = slice_from_str(text);
			slice_split(&rest, ' ');
			if (!slice_to_u64(slice_split(&rest, ' '), &pages))
				pages = 0;
		}
		fclose(file);
	}
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double open_files(void)
{
	double count = 0;
	DIR *dir = opendir("/proc/self/fd");
	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count > 3 ? count - 3 : 0; /* ".", ".." and the directory itself */
}

static void print_process(const struct admin *admin, struct buf *out)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	head(out, "build_info", "gauge", "The version that runs.");
	buf_printf(out, "veredus_build_info{version=\"%s\"} 1\n", VEREDUS_VERSION);
	gauge(out, "start_time_seconds", "When the server was started.",
	      (double)admin->started_ms / 1000);
	head(out, "cpu_seconds_total", "counter", "Processor time used.");
	buf_printf(out, "veredus_cpu_seconds_total{mode=\"user\"} %.3f\n",
	           (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6);
	buf_printf(out, "veredus_cpu_seconds_total{mode=\"system\"} %.3f\n",
	           (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6);
	gauge(out, "resident_memory_bytes", "Memory in use.", resident_bytes());
	gauge(out, "open_files", "File descriptors in use.", open_files());
}

/* --- its parts -------------------------------------------------------------------------- */

/* One family over all listeners. */
static void print_services(const struct admin *admin, struct buf *out, const char *name,
                           const char *type, const char *help, size_t offset)
{
	head(out, name, type, help);
	for (size_t i = 0; i < admin->service_count; i++) {
		struct service_counts counts = service_counts(admin->services[i]);
		const struct service_config *config = service_config(admin->services[i]);
		struct net_address address = config->address;
		char text[NET_ADDRESS_TEXT_MAX];
		uint64_t value;
		if (service_port(admin->services[i]))
			net_address_set_port(&address, service_port(admin->services[i]));
		memcpy(&value, (const char *)&counts + offset, sizeof(value));
		buf_printf(out, "veredus_%s{listener=\"%s\",address=\"%s\"} %llu\n", name,
		           config->name, net_address_text(&address, text),
		           (unsigned long long)value);
	}
}

static void print_sessions(const struct admin *admin, struct buf *out)
{
	print_services(admin, out, "sessions_accepted_total", "counter", "Connections taken.",
	               offsetof(struct service_counts, accepted));
	print_services(admin, out, "sessions_refused_total", "counter",
	               "Connections turned away by a limit.",
	               offsetof(struct service_counts, refused));
	print_services(admin, out, "sessions_open", "gauge", "Connections now.",
	               offsetof(struct service_counts, open));
}

static void print_store(const struct store *store, struct buf *out)
{
	struct store_counts c = store_counts(store);
	counter(out, "store_commits_total", "Changes made durable.", c.commits);
	counter(out, "store_groups_total", "Transactions that they shared.", c.groups);
	counter(out, "store_syncs_total", "Syncs of segments.", c.syncs);
	counter(out, "store_blob_bytes_total", "Bytes written to segments.", c.blob_bytes);
	counter(out, "store_reads_total", "Reads of rows.", c.reads);
	counter(out, "store_failed_commits_total", "Changes that could not be made.", c.failed);
	gauge(out, "store_failed", "1 once a sync failed: nothing is accepted any more.",
	      store_failed(store));
}

static void print_mechanisms(const struct auth *auth, struct buf *out)
{
	struct auth_mechanism_counts c;
	head(out, "logins_by_mechanism_total", "counter", "Attempts by SASL mechanism.");
	for (size_t i = 0; auth_mechanism_counts(auth, i, &c); i++) {
		buf_printf(
			out,
			"veredus_logins_by_mechanism_total{mechanism=\"%s\",result=\"accepted\"} "
			"%llu\n",
			c.mechanism, (unsigned long long)c.accepted);
		buf_printf(out,
		           "veredus_logins_by_mechanism_total{mechanism=\"%s\",result=\"refused\"} "
		           "%llu\n",
		           c.mechanism, (unsigned long long)c.refused);
	}
}

static void print_auth(const struct auth *auth, struct buf *out)
{
	struct auth_counts c = auth_counts(auth);
	head(out, "logins_total", "counter", "Attempts to log in.");
	labelled(out, "logins_total", "result", "accepted", c.accepted);
	labelled(out, "logins_total", "result", "refused", c.refused);
	labelled(out, "logins_total", "result", "unavailable", c.unavailable);
	labelled(out, "logins_total", "result", "throttled", c.throttled);
	gauge(out, "logins_waiting", "Logins whose answer waits, because of failures.",
	      (double)c.waiting);
	print_mechanisms(auth, out);
}

/* A text of the operator's as the value of a label. */
static void print_label(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\\' || *text == '"')
			buf_append_byte(out, '\\');
		buf_append_byte(out, *text == '\n' ? ' ' : *text);
	}
}

static void print_rules(struct guard *guard, struct buf *out)
{
	const struct config_rules *rules = guard_rules(guard);
	head(out, "guard_rule_total", "counter", "How often a rule held.");
	for (unsigned i = 0; i < rules->count; i++) {
		buf_printf(out, "veredus_guard_rule_total{rule=\"");
		print_label(out, rules->items[i].name);
		buf_printf(out, "\"} %llu\n",
		           (unsigned long long)guard_rule_count(guard, &rules->items[i]));
	}
}

static void print_list(struct buf *out, const char *list, const char *result, uint64_t value)
{
	buf_printf(out, "veredus_guard_list_total{list=\"");
	print_label(out, list);
	buf_printf(out, "\",result=\"%s\"} %llu\n", result, (unsigned long long)value);
}

static void print_lists(struct guard *guard, struct buf *out)
{
	const struct config_dns_lists *lists = guard_lists(guard);
	head(out, "guard_list_total", "counter", "What lists in the DNS said.");
	for (unsigned i = 0; i < lists->count; i++) {
		struct guard_list_counts c = guard_list_count(guard, &lists->items[i]);
		print_list(out, lists->items[i].name, "listed", c.listed);
		print_list(out, lists->items[i].name, "clear", c.clear);
		print_list(out, lists->items[i].name, "failed", c.failed);
	}
}

static void print_greylist(struct guard *guard, struct buf *out)
{
	struct guard_grey_counts c = guard_grey_count(guard_greylist(guard));
	counter(out, "greylist_delayed_total", "Attempts of who was new.", c.delayed);
	counter(out, "greylist_passed_total", "Those that came again.", c.passed);
	gauge(out, "greylist_waiting", "Who is waited for.", (double)c.waiting);
	gauge(out, "greylist_known", "Who is known.", (double)c.known);
}

static void print_guard(struct guard *guard, struct buf *out)
{
	struct guard_counts c = guard_counts(guard);
	head(out, "guard_verdicts_total", "counter", "Verdicts of rules that held.");
	for (unsigned i = 0; i < RULE_VERDICTS; i++)
		labelled(out, "guard_verdicts_total", "verdict",
		         rule_verdict_name((enum rule_verdict)i), c.verdicts[i]);
	print_rules(guard, out);
	print_lists(guard, out);
	print_greylist(guard, out);
	head(out, "guard_offences_total", "counter", "What clients did wrong.");
	for (unsigned i = 0; i < GUARD_OFFENCES; i++)
		labelled(out, "guard_offences_total", "offence",
		         guard_offence_name((enum guard_offence)i), c.offences[i]);
	counter(out, "guard_bans_total", "Networks that were shut out by their score.", c.bans);
	counter(out, "guard_turned_away_total", "Connections of those who are shut out.",
	        c.turned_away);
	counter(out, "guard_over_rate_total", "Times that a rate was used up.", c.over_rate);
	counter(out, "guard_slowed_total", "Answers that were made to wait.", c.slowed);
	counter(out, "guard_accounts_limited_total", "Accounts that were slowed or held.",
	        c.accounts_limited);
	counter(out, "guard_account_refused_total", "Recipients that they were refused.",
	        c.account_refused);
	gauge(out, "guard_bans", "Networks that are shut out now.", (double)c.banned);
	gauge(out, "guard_scores", "Networks that did something wrong lately.", (double)c.tracked);
	gauge(out, "guard_buckets", "Buckets of rates that are not full.", (double)c.buckets);
}

static void print_dns(struct dns *dns, struct buf *out)
{
	struct dns_counts c = dns_counts(dns);
	head(out, "dns_questions_total", "counter",
	     "Questions about names, and what had the answer.");
	labelled(out, "dns_questions_total", "answer", "cache", c.known);
	labelled(out, "dns_questions_total", "answer", "resolver", c.asked);
	labelled(out, "dns_questions_total", "answer", "shared", c.shared);
	gauge(out, "dns_cached", "Answers that are kept.", (double)c.cached);
	gauge(out, "dns_cached_bytes", "Memory that they take.", (double)c.cached_bytes);
}

static void print_post(const struct post *post, struct buf *out)
{
	struct post_counts c = post_counts(post);
	head(out, "messages_total", "counter", "Messages that came, and what became of them.");
	labelled(out, "messages_total", "result", "accepted", c.accepted);
	labelled(out, "messages_total", "result", "disk_full", c.full);
	labelled(out, "messages_total", "result", "over_quota", c.quota);
	labelled(out, "messages_total", "result", "loop", c.loops);
	labelled(out, "messages_total", "result", "failed", c.failed);
	counter(out, "message_bytes_total", "Bytes of accepted messages.", c.bytes);
	head(out, "recipients_total", "counter", "Recipients of accepted messages.");
	labelled(out, "recipients_total", "where", "mailbox", c.mailboxes);
	labelled(out, "recipients_total", "where", "queue", c.queued);
	labelled(out, "recipients_total", "where", "quarantine", c.held);
	counter(out, "quarantine_released_total", "Messages released from the quarantine.",
	        c.released);
	head(out, "sieve_events_total", "counter",
	     "Messages that were changed over IMAP, for which a script was to run.");
	labelled(out, "sieve_events_total", "result", "done", c.events);
	labelled(out, "sieve_events_total", "result", "error", c.event_errors);
	labelled(out, "sieve_events_total", "result", "no_room", c.events_lost);
}

static void print_learner(const struct learner *learner, struct buf *out)
{
	struct learner_counts c = learner_counts(learner);
	head(out, "classifier_learned_total", "counter", "Messages that users moved.");
	labelled(out, "classifier_learned_total", "result", "spam", c.spam);
	labelled(out, "classifier_learned_total", "result", "ham", c.ham);
	labelled(out, "classifier_learned_total", "result", "known", c.known);
	labelled(out, "classifier_learned_total", "result", "no_room", c.lost);
}

static int count_queue(struct db *db, void *arg)
{
	return db_get_int(db, arg, "SELECT count(*) FROM queue_recipient", "");
}

/* Left out when the store can't be read: the rest is wanted then all the more. */
static void print_queue_length(struct store *store, struct buf *out)
{
	int64_t length;
	if (store_read(store, count_queue, &length) == 0)
		gauge(out, "queue_length", "Recipients elsewhere that wait, all of them.",
		      (double)length);
}

static int sum_quarantine(struct db *db, void *arg) { return quarantine_sum(db, arg); }

static void print_quarantine(struct store *store, struct buf *out)
{
	struct quarantine_sums sums;
	if (store_read(store, sum_quarantine, &sums) < 0)
		return;
	gauge(out, "quarantine_messages", "Messages in quarantine, once for each recipient.",
	      (double)sums.messages);
	gauge(out, "quarantine_bytes", "Bytes of those.", (double)sums.bytes);
}

static void print_queue(const struct queue *queue, struct buf *out)
{
	struct queue_counts c = queue_counts(queue);
	head(out, "queue_recipients_total", "counter", "What became of recipients elsewhere.");
	labelled(out, "queue_recipients_total", "result", "relayed", c.relayed);
	labelled(out, "queue_recipients_total", "result", "deferred", c.deferred);
	labelled(out, "queue_recipients_total", "result", "bounced", c.bounced);
	gauge(out, "queue_ready", "Recipients in memory, about to be sent.", (double)c.ready);
	gauge(out, "queue_connections", "Connections to other hosts now.", (double)c.connections);
	counter(out, "queue_connects_total", "Connections made to other hosts.", c.connects);
	counter(out, "queue_records_total", "Commits of outcomes.", c.records);
}

int admin_print_metrics(const struct admin *admin, struct buf *out)
{
	print_process(admin, out);
	print_sessions(admin, out);
	print_store(admin->store, out);
	if (admin->auth)
		print_auth(admin->auth, out);
	if (admin->guard)
		print_guard(admin->guard, out);
	if (admin->learner)
		print_learner(admin->learner, out);
	if (admin->dns)
		print_dns(admin->dns, out);
	if (admin->post)
		print_post(admin->post, out);
	print_queue_length(admin->store, out);
	print_quarantine(admin->store, out);
	if (admin->queue)
		print_queue(admin->queue, out);
	return buf_failed(out) ? -ENOBUFS : 0;
}
