/* Scripts in scripts (RFC 6609). */
#include <errno.h>

#include "sieve/sieve_machine.h"

enum { INCLUDE_DEPTH_MAX = 10 };

struct included {
	struct included *next;
	enum sieve_location location;
	struct slice name;
	const struct sieve_program *program;
};

static bool is_running(const struct machine *m, enum sieve_location where, struct slice name)
{
	const struct machine_frame *f = m->frame;
	while (f && (f->location != where || !slice_equal(slice_from_str(f->name), name)))
		f = f->outer;
	return f != NULL;
}

static struct included *find_included(const struct machine *m, enum sieve_location where,
                                      struct slice name)
{
	struct included *i = m->included;
	while (i && (i->location != where || !slice_equal(i->name, name)))
		i = i->next;
	return i;
}

/* 1: it is there; 0: it is not. */
static int load(struct machine *m, enum sieve_location where, struct slice name,
                struct included **out)
{
	const struct sieve_outside *outside = &m->job->outside;
	struct slice source;
	struct sieve_errors errors;
	struct sieve_program *program;
	int rc = outside->script ? outside->script(outside->arg, where, name, m->arena, &source)
	                         : 0;
	if (rc < 0)
		return machine_fail(m, "the script \"%.*s\" can't be read", SLICE_ARG(name));
	if (rc == 0)
		return 0;
	if (machine_spend(m, source.len * 4) < 0)
		return -EINVAL;
	if (sieve_compile(source, m->job->limits, m->arena, &program, &errors) < 0)
		return machine_fail(m, "the script \"%.*s\" has an error in line %u: %s",
		                    SLICE_ARG(name), errors.items[0].line, errors.items[0].text);
	struct included *made = ARENA_NEW(m->arena, struct included);
	*made = (struct included){ .next = m->included,
		                   .location = where,
		                   .name = arena_copy(m->arena, name),
		                   .program = program };
	m->included = made;
	*out = made;
	return 1;
}

int sieve_do_include(struct machine *m, const struct sieve_call *call)
{
	struct slice name = sieve_arg(call, SLOT_POSITION)->items[0].text;
	enum sieve_location where = (enum sieve_location)sieve_choice(call, SLOT_LOCATION,
	                                                              SIEVE_PERSONAL);
	struct included *found = find_included(m, where, name);
	if (found && sieve_arg(call, SLOT_ONCE))
		return 0;
	if (is_running(m, where, name))
		return machine_fail(m, "the script \"%.*s\" includes itself", SLICE_ARG(name));
	if (m->frame->depth >= INCLUDE_DEPTH_MAX || m->includes >= m->job->limits->includes)
		return machine_fail(m, "scripts are included too often or too deeply");
	m->includes++;
	int rc = found ? 1 : load(m, where, name, &found);
	if (rc < 0)
		return rc;
	if (rc == 0 && sieve_arg(call, SLOT_OPTIONAL))
		return 0;
	if (rc == 0)
		return machine_fail(m, "there is no %s script \"%.*s\"",
		                    where == SIEVE_GLOBAL ? "global" : "personal", SLICE_ARG(name));
	machine_trace(m, "include \"%.*s\"", SLICE_ARG(name));
	return machine_enter(m, found->program, arena_str(m->arena, name), where);
}
