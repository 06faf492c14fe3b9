/* veredus serve */
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/cli_admin.h"
#include "cli/cli_commands.h"
#include "cli/server.h"
#include "config/config_reload.h"
#include "guard/attachment_process.h"

/* Taken by a fiber through a descriptor: blocked before there is a second thread, so in all. */
static int block_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* As the user that it is now, and before there is a thread. */
static int start_helper(struct server *s)
{
	int rc = attachment_helper_start(&s->files);
	if (rc < 0)
		log_error("server.files", kv_error(rc));
	return rc;
}

static int serve(struct cli *cli)
{
	struct server server = { .arena = cli->arena,
		                 .control_dir_fd = -1,
		                 .began_ms = clock_monotonic_ms() };
	server.signal_fd = block_signals();
	server.config = cli_load_config(cli);
	if (!server.config)
		return CLI_FAILED;
	log_setup((enum log_level)server.config->log.level, server.config->log.json, 2);
	/* While it is root, and before there is a thread, a socket or a key that it should not
	 * have.
	 */
	int rc = final_start(server.config, &server.final);
	if (rc < 0)
		log_error("server.final", kv_error(rc));
	if (rc == 0)
		rc = server_bind(&server);
	if (rc == 0)
		rc = server_drop(&server);
	if (rc == 0)
		rc = start_helper(&server);
	if (rc == 0)
		rc = server_open(&server);
	if (rc == 0)
		rc = server_run(&server);
	server_close(&server);
	config_free_all(server.config);
	return rc == 0 ? CLI_OK : CLI_FAILED;
}

const struct cli_command cmd_serve = {
	.name = "serve",
	.summary = "Run the mail system, in the foreground.",
	.usage = "",
	.text = "One line is logged when it is ready, with the ports. SIGTERM and SIGINT end it: "
		"clients\nare told, and get ten seconds. SIGHUP takes in the configuration anew, "
		"as `veredus reload` does. "
		"Started "
		"by root it\nbecomes the configured user once the ports are bound.\n",
	.run = serve,
};
