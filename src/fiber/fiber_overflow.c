#include "fiber/fiber_worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "fiber/mapping.h"

#define SIGNAL_STACK_BYTES ((size_t)64 * 1024)

static struct sigaction previous_segv, previous_bus;

static void say(const char *text)
{
	/* The process dies of what it says here; nothing is left to do when that fails. */
	ssize_t written = write(STDERR_FILENO, text, strlen(text));
	(void)written;
}

static void on_fault(int number, siginfo_t *info, void *context)
{
	struct fiber *f = worker_here ? worker_here->running : NULL;
	const char *at = info->si_addr;
	int error = errno;
	(void)context;
	if (number == SIGBUS && mapping_mend(at)) {
		errno = error;
		return;
	}
	if (f && at < f->stack->low && at >= f->stack->low - STACK_GUARD_BYTES) {
		say("error fiber.stack_overflow name=");
		say(f->name);
		say("\n");
	}
	/* The instruction faults again, and what was there before us sees it. */
	sigaction(number, number == SIGSEGV ? &previous_segv : &previous_bus, NULL);
}

void overflow_watch_process(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	sigemptyset(&action.sa_mask);
	sigaction(SIGSEGV, &action, &previous_segv);
	sigaction(SIGBUS, &action, &previous_bus);
	mapping_watch(true);
}

void overflow_unwatch_process(void)
{
	mapping_watch(false);
	sigaction(SIGSEGV, &previous_segv, NULL);
	sigaction(SIGBUS, &previous_bus, NULL);
}

struct overflow_watch {
	stack_t before;
	char stack[];
};

void *overflow_watch_thread(void)
{
	struct overflow_watch *watch = mem_alloc(sizeof(*watch) + SIGNAL_STACK_BYTES);
	stack_t own = { .ss_sp = watch->stack, .ss_size = SIGNAL_STACK_BYTES };
	sigaltstack(&own, &watch->before);
	return watch;
}

void overflow_unwatch_thread(void *token)
{
	struct overflow_watch *watch = token;
	sigaltstack(&watch->before, NULL);
	free(watch);
}
