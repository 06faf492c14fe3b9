/* From the shape of a script to a program. */
#include <errno.h>

#include "sieve/sieve_machine.h"

enum { LOOPS_MAX = 16, OPERAND_OPEN = UINT32_MAX };

/* A foreverypart that is being compiled. */
struct open_loop {
	struct open_loop *outer;
	struct slice name;
	size_t next;   /* its OP_NEXT_PART */
	size_t leaves; /* jumps to its end: the latest, whose operand is the one before */
};

struct compiler {
	struct arena *arena;
	const struct sieve_limits *limits;
	struct sieve_program *program;
	struct sieve_errors *errors;
	struct open_loop *loop;
	unsigned loops;
	bool failed;
	bool required_all; /* no require may follow */
};

/* Room for one more in an array that is full. */
static void *grown(struct compiler *c, void *old, size_t count, size_t *capacity, size_t size)
{
	if (count < *capacity)
		return old;
	*capacity = *capacity > 0 ? *capacity * 2 : 16;
	char *new = arena_zero(c->arena, *capacity, size);
	if (count > 0)
		memcpy(new, old, count * size);
	return new;
}

static size_t emit(struct compiler *c, enum sieve_op op, size_t operand)
{
	struct sieve_program *p = c->program;
	p->code = grown(c, p->code, p->code_count, &p->code_capacity, sizeof(*p->code));
	p->code[p->code_count] = (struct sieve_instruction){ .op = (uint8_t)op,
		                                             .operand = (uint32_t)operand };
	return p->code_count++;
}

static void emit_call(struct compiler *c, enum sieve_op op, struct sieve_call *call)
{
	struct sieve_program *p = c->program;
	p->calls = grown(c, p->calls, p->call_count, &p->call_capacity,
	                 sizeof(struct sieve_call *));
	p->calls[p->call_count] = call;
	emit(c, op, p->call_count++);
}

static void land(struct compiler *c, size_t jump)
{
	c->program->code[jump].operand = (uint32_t)c->program->code_count;
}

/* Jumps to one place are chained by their operands until it is known. */
static void land_all(struct compiler *c, size_t last)
{
	while (last != OPERAND_OPEN) {
		size_t before = c->program->code[last].operand;
		land(c, last);
		last = before;
	}
}

static void add_error(struct compiler *c, const struct sieve_error *error)
{
	c->failed |= !error->warning;
	if (c->errors->count < SIEVE_ERRORS_MAX)
		c->errors->items[c->errors->count++] = *error;
}

/* With "ihave" what cannot be compiled fails only if the script comes to it. */
static void node_failed(struct compiler *c, const struct sieve_error *error)
{
	struct sieve_program *p = c->program;
	if (!p->has[EXT_IHAVE]) {
		add_error(c, error);
		return;
	}
	p->failures = grown(c, p->failures, p->failure_count, &p->failure_capacity,
	                    sizeof(const char *));
	p->failures[p->failure_count] = arena_printf(c->arena, "line %u: %s", error->line,
	                                             error->text);
	emit(c, OP_FAIL, p->failure_count++);
}

__attribute__((format(printf, 3, 0))) static struct sieve_error
error_of(struct compiler *c, const struct sieve_node *node, const char *format, va_list args)
{
	struct buf text = buf_make(4096);
	buf_vprintf(&text, format, args);
	struct sieve_error error = { .line = node->line,
		                     .column = node->column,
		                     .text = arena_str(c->arena, buf_slice(&text)) };
	buf_free(&text);
	return error;
}

__attribute__((format(printf, 3, 4))) static void
compile_wrong(struct compiler *c, const struct sieve_node *node, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	struct sieve_error error = error_of(c, node, format, args);
	va_end(args);
	node_failed(c, &error);
}

/* What no "ihave" excuses. */
__attribute__((format(printf, 3, 4))) static void
require_wrong(struct compiler *c, const struct sieve_node *node, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	struct sieve_error error = error_of(c, node, format, args);
	va_end(args);
	add_error(c, &error);
}

static struct sieve_call *bind(struct compiler *c, const struct sieve_node *node,
                               const struct sieve_spec *spec)
{
	struct sieve_error error = { .text = "" };
	struct sieve_binding b = {
		.arena = c->arena, .program = c->program, .node = node, .error = &error
	};
	struct sieve_call *call = sieve_bind(&b, spec);
	if (!call)
		node_failed(c, &error);
	return call;
}

/* --- tests ----------------------------------------------------------------------------- */

static void compile_test(struct compiler *c, const struct sieve_node *node);

static bool has_one_test(struct compiler *c, const struct sieve_node *node)
{
	if (node->tests && !node->tests->next && !node->has_tests_list)
		return true;
	compile_wrong(c, node, "behind \"%.*s\" one test must stand", SLICE_ARG(node->name));
	return false;
}

static void compile_several(struct compiler *c, const struct sieve_node *node, enum sieve_op leave)
{
	size_t leaves = OPERAND_OPEN;
	if (!node->tests || !node->has_tests_list) {
		compile_wrong(c, node, "behind \"%.*s\" tests must stand in parentheses",
		              SLICE_ARG(node->name));
		return;
	}
	for (const struct sieve_node *t = node->tests; t; t = t->next) {
		compile_test(c, t);
		if (t->next)
			leaves = emit(c, leave, leaves);
	}
	land_all(c, leaves);
}

/* RFC 5463: all of them are had, and from here on they need no require; or some are not. */
static void compile_have(struct compiler *c, const struct sieve_node *node)
{
	const struct sieve_value *v = node->values;
	if (!v || v->next || (v->kind != VALUE_STRING && v->kind != VALUE_LIST) || node->tests) {
		compile_wrong(c, node, "\"ihave\" must have a list of extensions");
		return;
	}
	bool all = true;
	for (size_t i = 0; i < v->count; i++)
		all &= sieve_extension_find(v->items[i]) != EXT_NONE;
	for (size_t i = 0; i < v->count && all; i++) {
		enum sieve_extension e = sieve_extension_find(v->items[i]);
		if (e != EXT_COUNT)
			c->program->has[e] = true;
	}
	emit(c, OP_SET, all);
}

static void compile_test_flow(struct compiler *c, const struct sieve_node *node,
                              const struct sieve_spec *spec)
{
	if (spec->flow == FLOW_HAVE) {
		if (c->program->has[EXT_IHAVE])
			compile_have(c, node);
		else
			compile_wrong(c, node, "\"ihave\" needs require \"ihave\"");
		return;
	}
	if (node->values) {
		compile_wrong(c, node, "\"%s\" has no arguments", spec->name);
		return;
	}
	switch (spec->flow) {
	case FLOW_NOT:
		if (!has_one_test(c, node))
			return;
		compile_test(c, node->tests);
		emit(c, OP_NOT, 0);
		return;
	case FLOW_ANY:
		compile_several(c, node, OP_JUMP_IF);
		return;
	case FLOW_ALL:
		compile_several(c, node, OP_JUMP_UNLESS);
		return;
	default:
		if (node->tests)
			compile_wrong(c, node, "\"%s\" has no tests", spec->name);
		emit(c, OP_SET, spec->flow == FLOW_TRUE);
		return;
	}
}

static void compile_test(struct compiler *c, const struct sieve_node *node)
{
	const struct sieve_spec *spec = sieve_spec_find(SPEC_TEST, node->name);
	if (!spec) {
		bool is_command = sieve_spec_find(SPEC_COMMAND, node->name) != NULL;
		compile_wrong(c, node, "there is no test \"%.*s\"%s", SLICE_ARG(node->name),
		              is_command ? "; that is a command" : "");
		return;
	}
	if (spec->flow != FLOW_CALL) {
		compile_test_flow(c, node, spec);
		return;
	}
	struct sieve_call *call = bind(c, node, spec);
	if (call)
		emit_call(c, OP_TEST, call);
}

/* --- commands -------------------------------------------------------------------------- */

static void compile_block(struct compiler *c, const struct sieve_node *node);

static bool has_block(struct compiler *c, const struct sieve_node *node)
{
	if (node->has_block && !node->values)
		return true;
	compile_wrong(c, node, "behind \"%.*s\" a block in \"{\" and \"}\" must stand%s",
	              SLICE_ARG(node->name), node->values ? ", and nothing else" : "");
	return false;
}

static const struct sieve_node *compile_branch(struct compiler *c, const struct sieve_node *node,
                                               size_t *leaves)
{
	const struct sieve_node *next = node->next;
	bool is_else = slice_equal_nocase(node->name, SLICE("else"));
	bool goes_on = !is_else && next &&
	               (slice_equal_nocase(next->name, SLICE("elsif")) ||
	                slice_equal_nocase(next->name, SLICE("else")));
	size_t over = OPERAND_OPEN;
	if (!has_block(c, node))
		return goes_on ? next : NULL;
	if (is_else && node->tests)
		compile_wrong(c, node, "\"else\" has no test; \"elsif\" has");
	if (!is_else && has_one_test(c, node)) {
		compile_test(c, node->tests);
		over = emit(c, OP_JUMP_UNLESS, 0);
	}
	compile_block(c, node->block);
	if (goes_on)
		*leaves = emit(c, OP_JUMP, *leaves);
	if (over != OPERAND_OPEN)
		land(c, over);
	return goes_on ? next : NULL;
}

/* Returns the last node that it took. */
static const struct sieve_node *compile_if(struct compiler *c, const struct sieve_node *node)
{
	size_t leaves = OPERAND_OPEN;
	const struct sieve_node *last = node;
	for (const struct sieve_node *n = node; n;) {
		last = n;
		n = compile_branch(c, n, &leaves);
	}
	land_all(c, leaves);
	return last;
}

static void compile_require(struct compiler *c, const struct sieve_node *node)
{
	const struct sieve_value *v = node->values;
	if (c->required_all)
		require_wrong(c, node, "\"require\" must stand before all other commands");
	if (!v || v->next || (v->kind != VALUE_STRING && v->kind != VALUE_LIST) || node->tests ||
	    node->has_block) {
		require_wrong(c, node, "\"require\" must have a string or a list of strings");
		return;
	}
	for (size_t i = 0; i < v->count; i++) {
		enum sieve_extension e = sieve_extension_find(v->items[i]);
		if (e == EXT_NONE)
			require_wrong(c, node, "there is no extension \"%.*s\"",
			              SLICE_ARG(v->items[i]));
		else if (e != EXT_COUNT)
			c->program->has[e] = true;
	}
}

static struct slice loop_name(const struct sieve_call *call)
{
	const struct sieve_arg *name = sieve_arg(call, SLOT_NAME);
	return name ? name->items[0].text : SLICE_EMPTY;
}

static void compile_loop(struct compiler *c, const struct sieve_node *node,
                         const struct sieve_spec *spec)
{
	struct sieve_call *call = bind(c, node, spec);
	if (!call)
		return;
	if (!node->has_block || node->tests) {
		compile_wrong(c, node, "behind \"foreverypart\" a block must stand");
		return;
	}
	if (c->loops == LOOPS_MAX) {
		compile_wrong(c, node, "loops are nested too deeply");
		return;
	}
	struct open_loop loop = { .outer = c->loop,
		                  .name = loop_name(call),
		                  .leaves = OPERAND_OPEN };
	emit_call(c, OP_DO, call);
	loop.next = emit(c, OP_NEXT_PART, 0);
	c->loop = &loop;
	c->loops++;
	compile_block(c, node->block);
	c->loops--;
	c->loop = loop.outer;
	emit(c, OP_JUMP, loop.next);
	land(c, loop.next);
	land_all(c, loop.leaves);
}

static void compile_break(struct compiler *c, const struct sieve_node *node,
                          const struct sieve_spec *spec)
{
	struct sieve_call *call = bind(c, node, spec);
	if (!call)
		return;
	struct slice name = loop_name(call);
	size_t levels = 1;
	struct open_loop *loop = c->loop;
	while (loop && name.len > 0 && !slice_equal(loop->name, name)) {
		loop = loop->outer;
		levels++;
	}
	if (!loop) {
		compile_wrong(c, node, "\"break\" stands in no loop%s",
		              name.len > 0 ? " of that name" : "");
		return;
	}
	emit(c, OP_LEAVE, levels);
	loop->leaves = emit(c, OP_JUMP, loop->leaves);
}

static bool is_alone(struct compiler *c, const struct sieve_node *node)
{
	if (!node->values && !node->tests && !node->has_block)
		return true;
	compile_wrong(c, node, "\"%.*s\" has no arguments; is there a \";\" missing?",
	              SLICE_ARG(node->name));
	return false;
}

static void compile_flow(struct compiler *c, const struct sieve_node *node,
                         const struct sieve_spec *spec)
{
	switch (spec->flow) {
	case FLOW_REQUIRE:
		compile_require(c, node);
		return;
	case FLOW_EACH_PART:
		compile_loop(c, node, spec);
		return;
	case FLOW_BREAK:
		compile_break(c, node, spec);
		return;
	case FLOW_STOP:
		if (is_alone(c, node))
			emit(c, OP_STOP, 0);
		return;
	case FLOW_RETURN:
		if (!c->program->has[EXT_INCLUDE])
			compile_wrong(c, node, "\"return\" needs require \"include\"");
		else if (is_alone(c, node))
			emit(c, OP_RETURN, 0);
		return;
	default:
		compile_wrong(c, node, "\"%s\" follows no \"if\"", spec->name);
	}
}

static void compile_command(struct compiler *c, const struct sieve_node *node)
{
	const struct sieve_spec *spec = sieve_spec_find(SPEC_COMMAND, node->name);
	if (!spec) {
		bool is_test = sieve_spec_find(SPEC_TEST, node->name) != NULL;
		compile_wrong(c, node, "there is no command \"%.*s\"%s", SLICE_ARG(node->name),
		              is_test ? "; that is a test" : "");
		return;
	}
	if (spec->flow != FLOW_CALL) {
		compile_flow(c, node, spec);
		return;
	}
	struct sieve_call *call = bind(c, node, spec);
	if (call)
		emit_call(c, OP_DO, call);
}

static void compile_block(struct compiler *c, const struct sieve_node *node)
{
	for (; node; node = node->next) {
		c->required_all |= !slice_equal_nocase(node->name, SLICE("require"));
		if (slice_equal_nocase(node->name, SLICE("if")))
			node = compile_if(c, node);
		else
			compile_command(c, node);
	}
}

int sieve_compile(struct slice script, const struct sieve_limits *limits, struct arena *arena,
                  struct sieve_program **out, struct sieve_errors *errors_out)
{
	struct compiler c = { .arena = arena,
		              .limits = limits,
		              .program = ARENA_NEW(arena, struct sieve_program),
		              .errors = errors_out };
	struct sieve_node *nodes;
	struct sieve_error error;
	errors_out->count = 0;
	if (!sieve_parse(script, limits, arena, &nodes, &error)) {
		add_error(&c, &error);
		return -EINVAL;
	}
	compile_block(&c, nodes);
	emit(&c, OP_END, 0);
	if (c.failed)
		return -EINVAL;
	*out = c.program;
	return 0;
}
