/* Who has sent it? All that SMTP asks about a message, before it says 250.
 *
 *     struct trust_results results;
 *     trust_check(trust, arena, &question, &results);
 *     trust_field(&results, arena)      Authentication-Results, to be put on top
 *     trust_text(&results, arena)       one line for the journey
 *
 * Each method gives verdicts, and each verdict the evidence that it was made from, which `veredus
 * explain` prints. Nothing is refused here: that is for who asks.
 *
 * A new method is a file that judges and one that adds its verdicts, called from trust_check(): for
 * DKIM2 see docs/architecture.md.
 *
 * All that is asked of the DNS has one deadline (trust.timeout); what is not answered by then is a
 * temperror. Names that are known beforehand are asked for at once. A method that must ask one name
 * after another runs on a fiber of its own, which must not look at the message: the caller may be
 * gone, and the message with it. */
#ifndef VEREDUS_TRUST_TRUST_H
#define VEREDUS_TRUST_TRUST_H

#include "config/config.h"
#include "message/address.h"
#include "net/address.h"
#include "trust/arc.h"
#include "trust/dkim_verify.h"
#include "trust/dmarc_record.h"
#include "trust/trust_result.h"

struct dns;
struct domainkeys_check;
struct store;
struct trust;
struct trust_spf;

struct trust_config {
	const struct config *config;
	struct dns *dns;
	struct store *store; /* where our keys are; NULL: nothing is signed */
};
/* [any thread] 0, or an error of the store. */
int trust_open(const struct trust_config *config, struct trust **out);
/* Goes by another configuration, but for what is at_start (config_reload.h). [any thread] */
void trust_use(struct trust *t, const struct config *config);
void trust_close(struct trust *t);

/* What is asked about. All of it stays the caller's. */
struct trust_question {
	const struct net_address *client; /* NULL: not known */
	const char *helo;
	const struct address *sender; /* the reverse-path; NULL: not known */
	struct slice message;
	struct trust_spf *spf; /* trust_spf.h, if it has begun; else NULL */
};

enum { TRUST_PROPERTIES_MAX = 8, TRUST_EVIDENCE_MAX = 12 };

struct trust_verdict {
	const char *method; /* "dkim" */
	enum trust_result result;
	const char *reason; /* or "" */
	/* For Authentication-Results: "header", "d", "example.org". */
	struct trust_property {
		const char *type, *name;
		struct slice value;
	} properties[TRUST_PROPERTIES_MAX];
	size_t property_count;
	/* What it was made from, for people. */
	struct trust_evidence {
		const char *name; /* "body hash" */
		struct slice value;
	} evidence[TRUST_EVIDENCE_MAX];
	size_t evidence_count;
};

/* What DMARC found for one author's domain that has a policy. */
struct trust_dmarc_finding {
	struct slice author, policy_domain;
	struct dmarc_record record;
	bool dkim_aligned, spf_aligned; /* it passes if one is */
	bool forwarded;                 /* a trusted host found it in order before */
	/* Of one that fails: what the record says for such a name, and what is left of that after
	 * t=, pct= and a trusted host. */
	enum dmarc_policy published, wanted;
};

struct trust_results {
	struct slice authserv_id;
	struct trust_verdict *verdicts;
	size_t count, capacity;
	const struct dkim_check *dkim; /* NULL: not asked for */
	const struct arc_check *arc;   /* likewise */
	/* What DMARC asks to be done, and for which author's domain. */
	enum dmarc_policy policy;
	struct slice policy_domain;
	/* One for each author's domain with a policy, if it could be evaluated. */
	struct trust_dmarc_finding *findings;
	size_t finding_count;
	bool arc_trusted; /* the chain holds, and we trust all who sealed it */
};

/* 0, or -ECANCELED. The results lie in the arena, and point into the message. Parks the fiber. */
int trust_check(struct trust *t, struct arena *arena, const struct trust_question *question,
                struct trust_results *out);
/* The name in which we write results. */
struct slice trust_authserv_id(const struct trust *t);

/* The whole field with its line end. */
struct slice trust_field(const struct trust_results *r, struct arena *arena);
/* Its value alone. */
struct slice trust_value(const struct trust_results *r, struct arena *arena);
/* "dkim=pass (example.org), dkim=fail (example.net: the body was changed)" */
struct slice trust_text(const struct trust_results *r, struct arena *arena);

/* For rules (guard/guard_rule.h): "dkim=pass example.org" a verdict, and "arc=trusted". How many.
 */
size_t trust_found(const struct trust_results *r, struct arena *arena, struct slice **out);

/* What is done about DMARC, by what the author's domain wants and dmarc-policy lets it. r may be
 * NULL. */
enum dmarc_policy trust_policy(const struct trust_results *r, enum config_dmarc limit);

/* Does a field speak in our name? */
bool trust_is_forged_field(struct arena *scratch, struct slice name, struct slice value,
                           struct slice our_id);

/* --- for the methods --------------------------------------------------------------------- */

struct trust_verdict *trust_add(struct trust_results *r, struct arena *arena, const char *method,
                                enum trust_result result, const char *reason);
/* What does not fit is left out, and so is what is empty. */
void trust_property(struct trust_verdict *v, const char *type, const char *name,
                    struct slice value);
void trust_evidence(struct trust_verdict *v, const char *name, struct slice value);
/* trust_dkim.c, trust_domainkeys.c, trust_arc.c */
void trust_add_dkim(struct trust_results *r, struct arena *arena, const struct dkim_check *check);
bool trust_is_tls_report(struct arena *arena, struct dkim_header *header);
void trust_add_domainkeys(struct trust_results *r, struct arena *arena,
                          const struct domainkeys_check *check);
void trust_add_arc(struct trust_results *r, struct arena *arena, const struct arc_check *check,
                   const struct config_trust *config, const struct net_address *client);

#endif
