/* PAM: the modules that a service file names (pam.conf(5)). Only authentication and the account's
 * state are asked; no session is opened. */
#include <errno.h>
#include <security/pam_appl.h>
#include <stdlib.h>

#include "auth/passdb.h"
#include "base/log.h"

/* Modules ask for what they need; they are told the name and the password, whatever they call
 * them. Responses are freed by PAM. */
static int converse(int count, const struct pam_message **messages, struct pam_response **out,
                    void *arg)
{
	const struct passdb_question *q = arg;
	if (count <= 0 || count > PAM_MAX_NUM_MSG)
		return PAM_CONV_ERR;
	struct pam_response *responses = mem_zero((size_t)count, sizeof(*responses));
	for (int i = 0; i < count; i++) {
		if (messages[i]->msg_style == PAM_PROMPT_ECHO_OFF)
			responses[i].resp = mem_str(slice_from_str(q->password));
		else if (messages[i]->msg_style == PAM_PROMPT_ECHO_ON)
			responses[i].resp = mem_str(slice_from_str(q->local));
	}
	*out = responses;
	return PAM_SUCCESS;
}

/* We have pauses of our own, on fibers; PAM's would hold a thread. */
static void no_delay(int rc, unsigned usec, void *arg)
{
	(void)rc;
	(void)usec;
	(void)arg;
}

static enum passdb_verdict verdict_of(const struct config_passdb *config, pam_handle_t *pam, int rc)
{
	switch (rc) {
	case PAM_SUCCESS:
		return PASSDB_ACCEPTED;
	case PAM_NEW_AUTHTOK_REQD:
	case PAM_CRED_EXPIRED:
	case PAM_AUTHTOK_EXPIRED:
		return PASSDB_EXPIRED;
	case PAM_AUTH_ERR:
	case PAM_USER_UNKNOWN:
	case PAM_MAXTRIES:
	case PAM_PERM_DENIED:
	case PAM_ACCT_EXPIRED:
	case PAM_CRED_INSUFFICIENT:
		return PASSDB_REFUSED;
	default:
		log_error("auth.pam", kv_str("passdb", config->name),
		          kv_str("service", config->service), kv_str("why", pam_strerror(pam, rc)));
		return PASSDB_UNAVAILABLE;
	}
}

static int begin(const struct config_passdb *config, const struct passdb_question *q,
                 const struct pam_conv *conversation, pam_handle_t **pam)
{
	const char *user = config->full_names ? q->address : q->local;
	int rc = config->pam_directory ? pam_start_confdir(config->service, user, conversation,
	                                                   config->pam_directory, pam)
	                               : pam_start(config->service, user, conversation, pam);
	if (rc == PAM_SUCCESS && q->client[0])
		rc = pam_set_item(*pam, PAM_RHOST, q->client);
	if (rc == PAM_SUCCESS)
		rc = pam_set_item(*pam, PAM_TTY, "veredus"); /* some modules want one */
	if (rc == PAM_SUCCESS) {
		void (*delay)(int, unsigned, void *) = no_delay;
		const void *item;
		memcpy(&item, &delay, sizeof(item));
		rc = pam_set_item(*pam, PAM_FAIL_DELAY, item);
	}
	return rc;
}

static enum passdb_verdict pam_check(void *self, const struct passdb_question *q,
                                     char address_out[static PASSDB_ADDRESS_MAX])
{
	const struct config_passdb *config = self;
	const struct pam_conv conversation = { .conv = converse,
		                               .appdata_ptr = (void *)(uintptr_t)q };
	pam_handle_t *pam = NULL;
	(void)address_out;
	int rc = begin(config, q, &conversation, &pam);
	if (rc == PAM_SUCCESS)
		rc = pam_authenticate(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	if (rc == PAM_SUCCESS)
		rc = pam_acct_mgmt(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	enum passdb_verdict verdict = verdict_of(config, pam, rc);
	if (pam)
		pam_end(pam, rc);
	return verdict;
}

static int pam_open(const struct config_passdb *config, void **self_out)
{
	*self_out = (void *)(uintptr_t)config;
	return 0;
}

static void pam_close(void *self) { (void)self; }

const struct passdb_driver passdb_pam_driver = {
	.open = pam_open,
	.check = pam_check,
	.close = pam_close,
};
