#include "sieve/sieve_machine.h"

#include <errno.h>

enum {
	BYTES_AN_INSTRUCTION = 256, /* work on so many counts as one */
	REST_AFTER = 20000,         /* instructions; some milliseconds */
	REFERENCE_COSTS = 16,       /* a byte of text that names variables, which are looked for */
	TRACE_LINE_MAX = 4096,
};

int machine_fail(struct machine *m, const char *format, ...)
{
	struct sieve_result *r = m->result;
	if (r->failed)
		return -EINVAL;
	struct buf text = buf_make(TRACE_LINE_MAX);
	va_list args;
	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	r->failed = true;
	r->script = m->frame ? m->frame->name : "";
	r->error = (struct sieve_error){ .line = m->call ? m->call->line : 0,
		                         .column = m->call ? m->call->column : 0,
		                         .text = arena_str(m->arena, buf_slice(&text)) };
	buf_free(&text);
	return -EINVAL;
}

int machine_spend(struct machine *m, size_t bytes)
{
	const struct sieve_limits *limits = m->job->limits;
	size_t more = bytes / BYTES_AN_INSTRUCTION + 1;
	size_t used = arena_used(m->arena) - m->arena_base + arena_used(m->scratch);
	if (more > limits->instructions || m->spent > limits->instructions - more) {
		m->spent = limits->instructions;
		return machine_fail(m, "the script took too many steps (%u)", limits->instructions);
	}
	m->spent += (unsigned)more;
	if (used > limits->memory_bytes)
		return machine_fail(m, "the script took too much memory (%zu bytes)",
		                    limits->memory_bytes);
	if (m->spent - m->rested >= REST_AFTER && m->job->outside.rest) {
		m->rested = m->spent;
		m->job->outside.rest(m->job->outside.arg);
	}
	return 0;
}

/* One line: what is no visible character becomes a space. */
static void machine_trace_line(struct machine *m, struct slice text)
{
	char *line = arena_str(m->scratch, text);
	for (size_t i = 0; i < text.len; i++) {
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7F)
			line[i] = ' ';
	}
	const struct sieve_step step = { .script = m->frame ? m->frame->name : "",
		                         .line = m->call ? m->call->line : 0,
		                         .depth = m->frame ? m->frame->depth : 0,
		                         .text = slice_of(line, text.len) };
	m->job->outside.trace(m->job->outside.arg, &step);
}

void machine_trace(struct machine *m, const char *format, ...)
{
	if (!m->job->outside.trace)
		return;
	struct buf text = buf_make(TRACE_LINE_MAX);
	va_list args;
	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	machine_trace_line(m, buf_slice(&text));
	buf_free(&text);
}

/* --- strings --------------------------------------------------------------------------- */

struct slice machine_string(struct machine *m, const struct sieve_string *s)
{
	struct slice name;
	if (!s->variable)
		return s->text;
	/* Once they are used up the next step fails. */
	(void)machine_spend(m, REFERENCE_COSTS * s->text.len);
	struct buf out = buf_make(m->job->limits->value_bytes);
	struct slice rest = s->text;
	while (rest.len > 0) {
		size_t len = sieve_variable_reference(rest, &name);
		struct slice piece = slice_sub(rest, 0, 1);
		if (len > 0)
			piece = machine_get_variable(m, name);
		if (buf_append(&out, piece) < 0)
			break;
		rest = slice_from(rest, len > 0 ? len : 1);
	}
	struct slice made = arena_copy(m->scratch, buf_slice(&out));
	buf_free(&out);
	return made;
}

struct slice machine_text(struct machine *m, const struct sieve_call *call, enum sieve_slot slot)
{
	const struct sieve_arg *arg = sieve_arg(call, slot);
	return arg && arg->count > 0 ? machine_string(m, &arg->items[0]) : SLICE_EMPTY;
}

struct slice machine_keep_text(struct machine *m, const struct sieve_call *call,
                               enum sieve_slot slot)
{
	return arena_copy(m->arena, machine_text(m, call, slot));
}

struct sieve_text_list machine_keep_list(struct machine *m, const struct sieve_call *call,
                                         enum sieve_slot slot)
{
	const struct sieve_arg *arg = sieve_arg(call, slot);
	struct sieve_text_list list = { .items = NULL };
	if (!arg || arg->count == 0)
		return list;
	list.items = ARENA_ARRAY(m->arena, arg->count, struct slice);
	for (size_t i = 0; i < arg->count; i++)
		list.items[list.count++] = arena_copy(m->arena, machine_string(m, &arg->items[i]));
	return list;
}

/* --- the loop -------------------------------------------------------------------------- */

/* RFC 6785 section 3.11. */
static int check_event(struct machine *m, const struct sieve_program *program)
{
	static const enum sieve_extension forbidden[] = { EXT_EREJECT, EXT_REJECT, EXT_VACATION,
		                                          EXT_VACATION_SECONDS };
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(*forbidden) && m->job->is_event; i++) {
		if (!program->has[forbidden[i]])
			continue;
		int rc = machine_fail(m, "\"%s\" is for mail that is delivered",
		                      sieve_extension_text(forbidden[i]));
		/* Requirements stand at the beginning. */
		m->result->error.line = m->call ? m->call->line : 1;
		return rc;
	}
	return 0;
}

int machine_enter(struct machine *m, const struct sieve_program *program, const char *name,
                  enum sieve_location location)
{
	struct machine_frame *frame = ARENA_NEW(m->arena, struct machine_frame);
	frame->outer = m->frame;
	frame->program = program;
	frame->name = name;
	frame->location = location;
	frame->depth = m->frame ? m->frame->depth + 1 : 0;
	m->frame = frame;
	return check_event(m, program);
}

static int run_test(struct machine *m, const struct sieve_call *call)
{
	bool result = false;
	m->call = call;
	int rc = machine_spend(m, 0);
	if (rc == 0)
		rc = call->spec->test(m, call, &result);
	m->flag = result;
	return rc;
}

static int run_action(struct machine *m, const struct sieve_call *call)
{
	m->call = call;
	int rc = machine_spend(m, 0);
	return rc < 0 ? rc : call->spec->act(m, call);
}

/* Depth first, without what is outside of the part. */
static const struct mime_part *next_part(const struct mime_part *within,
                                         const struct mime_part *part)
{
	if (part->first)
		return part->first;
	while (part != within && !part->next)
		part = part->parent;
	return part == within ? NULL : part->next;
}

/* RFC 5703 section 3: each part, and the message itself first. */
static bool step_loop(struct machine_frame *f)
{
	struct machine_loop *loop = f->loop;
	if (!loop->started)
		loop->now = loop->within;
	else
		loop->now = next_part(loop->within, loop->now);
	loop->started = true;
	if (loop->now)
		return true;
	f->loop = loop->outer;
	return false;
}

static void leave_loops(struct machine_frame *f, uint32_t count)
{
	for (; count > 0 && f->loop; count--)
		f->loop = f->loop->outer;
}

static int run_instruction(struct machine *m)
{
	struct machine_frame *f = m->frame;
	const struct sieve_program *p = f->program;
	struct sieve_instruction i = p->code[f->at++];
	switch ((enum sieve_op)i.op) {
	case OP_TEST:
		return run_test(m, p->calls[i.operand]);
	case OP_DO:
		return run_action(m, p->calls[i.operand]);
	case OP_SET:
		m->flag = i.operand != 0;
		return machine_spend(m, 0);
	case OP_NOT:
		m->flag = !m->flag;
		return machine_spend(m, 0);
	case OP_JUMP_IF:
		f->at = m->flag ? i.operand : f->at;
		return machine_spend(m, 0);
	case OP_JUMP_UNLESS:
		f->at = m->flag ? f->at : i.operand;
		return machine_spend(m, 0);
	case OP_JUMP:
		f->at = i.operand;
		return machine_spend(m, 0);
	case OP_NEXT_PART:
		if (!step_loop(f))
			f->at = i.operand;
		return machine_spend(m, 0);
	case OP_LEAVE:
		leave_loops(f, i.operand);
		return 0;
	case OP_STOP:
		machine_trace(m, "stop");
		m->stopped = true;
		return 0;
	case OP_FAIL:
		return machine_fail(m, "%s", p->failures[i.operand]);
	case OP_RETURN:
	case OP_END:
		m->frame = f->outer;
		return 0;
	}
	return 0;
}

static int run_script(struct machine *m, const struct sieve_script *script)
{
	m->call = NULL;
	m->frame = NULL;
	int rc = machine_enter(m, script->program, script->name, SIEVE_PERSONAL);
	while (rc == 0 && m->frame && !m->stopped) {
		rc = run_instruction(m);
		arena_reset(m->scratch);
	}
	m->stopped = false;
	return rc;
}

/* --- the run --------------------------------------------------------------------------- */

/* RFC 5228 section 2.10.6: after an error the message is kept. What was to be done before it is
 * left undone, so that a script is run whole or not at all. */
static void run_failed(struct machine *m)
{
	struct machine_frame *frame = m->frame;
	m->call = NULL;
	m->frame = NULL;
	m->result->action_count = 0;
	m->header = SLICE_EMPTY;
	m->edited = false;
	m->flags = m->job->flags;
	struct slice whole[] = { m->job->trace, m->job->message };
	size_t length = header_length(m->job->message);
	whole[1] = slice_sub(m->job->message, 0, length);
	m->header = m->job->trace.len > 0 ? arena_concat(m->arena, whole, 2) : whole[1];
	m->body = slice_from(m->job->message, length);
	struct sieve_action *keep = machine_add(m, SIEVE_KEEP);
	if (keep)
		keep->flags = m->flags;
	m->frame = frame;
}

static void implied_keep(struct machine *m)
{
	m->call = NULL;
	m->frame = NULL;
	struct sieve_action *keep = machine_add(m, SIEVE_KEEP);
	if (keep)
		keep->flags = m->flags;
	machine_trace(m, "implicit keep");
}

/* Was the message kept by those that ran, so that the next may look at it? */
static bool is_kept(const struct machine *m)
{
	bool kept = m->keep;
	for (size_t i = 0; i < m->result->action_count && !kept; i++)
		kept = m->result->actions[i].kind == SIEVE_KEEP;
	return kept;
}

static void machine_load(struct machine *m)
{
	const struct sieve_job *job = m->job;
	size_t length = header_length(job->message);
	const struct slice parts[] = { job->trace, slice_sub(job->message, 0, length) };
	m->header = job->trace.len > 0 ? arena_concat(m->arena, parts, 2) : parts[1];
	m->body = slice_from(job->message, length);
	m->flags = job->flags;
	m->arena_base = arena_used(m->arena);
}

int sieve_run(const struct sieve_job *job, struct arena *arena, struct sieve_result *out)
{
	struct machine m = {
		.job = job, .arena = arena, .scratch = arena_new(), .result = out, .keep = true
	};
	int rc = 0;
	*out = (struct sieve_result){ .actions = NULL };
	machine_load(&m);
	for (size_t i = 0; i < job->script_count && rc == 0 && is_kept(&m); i++)
		rc = run_script(&m, &job->scripts[i]);
	if (rc < 0)
		run_failed(&m);
	else if (m.keep)
		implied_keep(&m);
	out->instructions = m.spent;
	arena_free(m.scratch);
	return rc;
}
