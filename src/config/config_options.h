/* The table of all options: what each is called, what it may be, what it is if nobody says, and
 * one line of why. Parsing, checking, defaults and the reference manual come from it. */
#ifndef VEREDUS_CONFIG_CONFIG_OPTIONS_H
#define VEREDUS_CONFIG_CONFIG_OPTIONS_H

#include "base/arena.h"
#include "base/slice.h"
#include "config/config.h"

enum config_kind {
	CONFIG_TEXT,     /* const char * */
	CONFIG_PATH,     /* const char *, made absolute against the data directory */
	CONFIG_NUMBER,   /* unsigned */
	CONFIG_PORT,     /* uint16_t */
	CONFIG_SIZE,     /* uint64_t or unsigned, bytes: "50M" */
	CONFIG_DAYS,     /* int, days; CONFIG_NEVER: "never" */
	CONFIG_DURATION, /* int64_t, milliseconds: "5m" */
	CONFIG_FLAG,     /* bool: yes or no */
	CONFIG_CHOICE,   /* int, the place among the choices */
	CONFIG_LETTER,   /* char, 0 for "" */
	CONFIG_LIST,     /* stored by who reads the section */
};

struct config_list {
	const char **items;
	size_t count;
};

struct config_option {
	const char *section; /* "" for those that stand outside of sections */
	const char *name;
	enum config_kind kind;
	const char *fallback; /* as it would be written; NULL: none */
	size_t offset, size;  /* in struct config, or in the element of a titled section */
	const char *help;
	const char *choices[16]; /* of CONFIG_CHOICE */
	uint64_t min, max;       /* max 0: no bounds. Milliseconds, bytes or the number. */
	bool at_start;           /* what depends on it is made then: see config_reload.h */
};

/* Sections with a title, which may stand several times; the others are one each. */
struct config_section {
	const char *name;
	bool titled;
	const char *title; /* what the title is, for the manual */
	const char *help;
	bool at_start; /* all of its options are */
};

extern const struct config_section config_sections[];
extern const size_t config_section_count;

/* What a `listen` section says before it is turned into one listener an address. */
struct config_listen {
	int kind;
	struct config_list addresses, proxy_networks, xclient_networks;
	unsigned max_sessions, max_sessions_per_address;
	const char *socket_mode, *socket_owner;
	int auth_without_tls; /* as in struct config_listener */
	int64_t proxy_timeout_ms;
};

/* A section transport as it is written; it becomes a smarthost. */
enum transport_trust { TRANSPORT_FROM_TRUSTED, TRANSPORT_FROM_EVERYBODY };
struct config_transport {
	struct config_smarthost way;
	const char *lmtp, *maildir, *mbox;
	enum transport_trust accept_from;
};

/* The options of all tables, from 0 on; NULL behind the last. */
const struct config_option *config_option_at(size_t i);
const struct config_option *config_option_find(struct slice section, struct slice name);
const struct config_section *config_section_find(struct slice name);

/* Parses a value (of a list: one item) and stores it at base + offset; strings are copied to the
 * arena. On failure -EINVAL and *why_out says what it must be (in the arena). base NULL: only
 * checks. Lists are stored by the caller. */
int config_value_set(const struct config_option *option, struct arena *arena, const char *dir,
                     struct slice text, void *base, const char **why_out);

/* "50M" -> bytes, "5m" -> milliseconds. */
bool config_parse_size(struct slice text, uint64_t *bytes_out);
bool config_parse_duration(struct slice text, int64_t *ms_out);
/* "30", "never" -> days, CONFIG_NEVER. */
bool config_parse_days(struct slice text, int *days_out);

#endif
