/* The configuration of POP3: section pop3. */
#ifndef VEREDUS_CONFIG_CONFIG_POP3_H
#define VEREDUS_CONFIG_CONFIG_POP3_H

#include <stdbool.h>
#include <stdint.h>

/* Of an option in days. */
enum { CONFIG_NEVER = -1, CONFIG_DAYS_MAX = 36500 };

struct config_pop3 {
	int64_t idle_ms;
	unsigned max_errors;         /* refused commands that end a session */
	unsigned max_login_failures; /* wrong passwords that do */
	bool auth_without_tls;
	/* Accounts may have their own: directory/pop3_terms.h. */
	int expire_days;        /* mail that was read stays so long; CONFIG_NEVER: it stays */
	int64_t login_delay_ms; /* between two logins of an account */
};

#endif
