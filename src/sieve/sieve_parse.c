#include "sieve/sieve_parse.h"

#include "sieve/sieve_lexer.h"

struct parser {
	struct sieve_lexer lexer;
	struct sieve_token token; /* the next one */
	struct arena *arena;
	unsigned depth, max_depth;
	struct sieve_error *error;
};

static bool parse_wrong_at(struct parser *p, unsigned line, unsigned column, const char *why)
{
	*p->error = (struct sieve_error){ .line = line, .column = column, .text = why };
	return false;
}

static bool parse_wrong(struct parser *p, const char *why)
{
	if (p->token.kind == TOKEN_WRONG)
		why = arena_str(p->arena, p->token.text);
	return parse_wrong_at(p, p->token.line, p->token.column, why);
}

static void parse_advance(struct parser *p) { sieve_lexer_next(&p->lexer, &p->token); }

static bool parse_at_mark(const struct parser *p, char mark)
{
	return p->token.kind == TOKEN_MARK && p->token.mark == mark;
}

static bool parse_take_mark(struct parser *p, char mark)
{
	if (!parse_at_mark(p, mark))
		return false;
	parse_advance(p);
	return true;
}

/* string-list = "[" string *("," string) "]" */
static bool parse_list(struct parser *p, struct sieve_value *value)
{
	size_t capacity = 4;
	value->kind = VALUE_LIST;
	value->items = ARENA_ARRAY(p->arena, capacity, struct slice);
	parse_advance(p);
	do {
		if (p->token.kind != TOKEN_STRING)
			return parse_wrong(p, "a string must stand here in the list");
		if (value->count == capacity) {
			struct slice *grown = ARENA_ARRAY(p->arena, capacity * 2, struct slice);
			memcpy(grown, value->items, capacity * sizeof(*grown));
			value->items = grown;
			capacity *= 2;
		}
		value->items[value->count++] = p->token.text;
		parse_advance(p);
	} while (parse_take_mark(p, ','));
	if (!parse_take_mark(p, ']'))
		return parse_wrong(p,
		                   "the list of strings must go on with \",\" or end with \"]\"");
	return true;
}

/* argument = string-list / string / number / tag; true without one, too. */
static bool parse_value(struct parser *p, struct sieve_value **out)
{
	static const enum sieve_value_kind kinds[] = { [TOKEN_TAG] = VALUE_TAG,
		                                       [TOKEN_NUMBER] = VALUE_NUMBER,
		                                       [TOKEN_STRING] = VALUE_STRING };
	const struct sieve_token *t = &p->token;
	bool is_list = parse_at_mark(p, '[');
	*out = NULL;
	if (!is_list && t->kind != TOKEN_TAG && t->kind != TOKEN_NUMBER && t->kind != TOKEN_STRING)
		return true;
	struct sieve_value *value = ARENA_NEW(p->arena, struct sieve_value);
	value->line = t->line;
	value->column = t->column;
	*out = value;
	if (is_list)
		return parse_list(p, value);
	value->kind = kinds[t->kind];
	value->text = t->text;
	value->number = t->number;
	if (value->kind == VALUE_STRING) {
		value->items = &value->text;
		value->count = 1;
	}
	parse_advance(p);
	return true;
}

static bool parse_node(struct parser *p, struct sieve_node **out);

/* tests = "(" test *("," test) ")" */
static bool parse_tests(struct parser *p, struct sieve_node *node)
{
	struct sieve_node **tail = &node->tests;
	if (p->token.kind == TOKEN_IDENTIFIER)
		return parse_node(p, tail);
	if (!parse_take_mark(p, '('))
		return true;
	node->has_tests_list = true;
	do {
		if (p->token.kind != TOKEN_IDENTIFIER)
			return parse_wrong(p, "the name of a test must stand here");
		if (!parse_node(p, tail))
			return false;
		tail = &(*tail)->next;
	} while (parse_take_mark(p, ','));
	if (!parse_take_mark(p, ')'))
		return parse_wrong(p, "the tests must go on with \",\" or end with \")\"");
	return true;
}

static bool parse_node_inside(struct parser *p, struct sieve_node *node)
{
	struct sieve_value **tail = &node->values;
	parse_advance(p);
	do {
		if (!parse_value(p, tail))
			return false;
		if (*tail)
			tail = &(*tail)->next;
		else
			tail = NULL;
	} while (tail);
	return parse_tests(p, node);
}

/* identifier *argument [ test / test-list ] */
static bool parse_node(struct parser *p, struct sieve_node **out)
{
	struct sieve_node *node = ARENA_NEW(p->arena, struct sieve_node);
	node->line = p->token.line;
	node->column = p->token.column;
	node->name = p->token.text;
	*out = node;
	if (p->depth >= p->max_depth)
		return parse_wrong(p, "blocks and tests are nested too deeply");
	p->depth++;
	bool ok = parse_node_inside(p, node);
	p->depth--;
	return ok;
}

static bool parse_commands(struct parser *p, struct sieve_node **tail);

static bool parse_block(struct parser *p, struct sieve_node *node)
{
	unsigned line = p->token.line, column = p->token.column;
	if (p->depth >= p->max_depth)
		return parse_wrong(p, "blocks and tests are nested too deeply");
	node->has_block = true;
	parse_advance(p);
	p->depth++;
	if (!parse_commands(p, &node->block))
		return false;
	p->depth--;
	if (p->token.kind == TOKEN_END)
		return parse_wrong_at(p, line, column,
		                      "the block that begins here has no closing \"}\"");
	if (!parse_take_mark(p, '}'))
		return parse_wrong(p, "a command or \"}\" must stand here");
	return true;
}

/* command = identifier arguments (";" / block) */
static bool parse_command(struct parser *p, struct sieve_node **out)
{
	if (!parse_node(p, out))
		return false;
	if (parse_at_mark(p, '{'))
		return parse_block(p, *out);
	if (parse_take_mark(p, ';'))
		return true;
	if (p->token.kind == TOKEN_WRONG)
		return parse_wrong(p, NULL);
	return parse_wrong(p, arena_printf(p->arena, "\";\" is missing behind \"%.*s\"",
	                                   SLICE_ARG((*out)->name)));
}

static bool parse_commands(struct parser *p, struct sieve_node **tail)
{
	while (p->token.kind == TOKEN_IDENTIFIER) {
		if (!parse_command(p, tail))
			return false;
		tail = &(*tail)->next;
	}
	return p->token.kind != TOKEN_WRONG || parse_wrong(p, NULL);
}

bool sieve_parse(struct slice script, const struct sieve_limits *limits, struct arena *arena,
                 struct sieve_node **out, struct sieve_error *error_out)
{
	struct parser p = { .arena = arena, .max_depth = limits->nesting, .error = error_out };
	*out = NULL;
	if (script.len > limits->script_bytes)
		return parse_wrong_at(&p, 1, 1,
		                      arena_printf(arena, "the script is longer than %zu bytes",
		                                   limits->script_bytes));
	if (!slice_is_utf8(script))
		return parse_wrong_at(&p, 1, 1, "the script is not written in UTF-8");
	sieve_lexer_create(&p.lexer, arena, script);
	parse_advance(&p);
	if (!parse_commands(&p, out))
		return false;
	return p.token.kind == TOKEN_END ||
	       parse_wrong(&p, "the name of a command must stand here");
}
