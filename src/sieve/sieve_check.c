/* What must hold of the arguments of commands and tests beyond their types: found when a script is
 * compiled, where the strings have no variables in them. */
#include "sieve/sieve_date.h"
#include "sieve/sieve_machine.h"

static const struct sieve_string *constant_of(const struct sieve_call *call, enum sieve_slot slot)
{
	const struct sieve_arg *arg = sieve_arg(call, slot);
	return arg && arg->count > 0 && !arg->items[0].variable ? &arg->items[0] : NULL;
}

/* --- matching -------------------------------------------------------------------------- */

static bool find_relation(struct slice text, uint64_t *out)
{
	static const char *const names[] = { "gt", "ge", "lt", "le", "eq", "ne" };
	for (int i = 0; i < REL_NONE; i++) {
		if (slice_equal_nocase(text, slice_from_str(names[i]))) {
			*out = (uint64_t)i;
			return true;
		}
	}
	return false;
}

static struct sieve_arg *own_arg(struct sieve_call *call, enum sieve_slot slot)
{
	for (size_t i = 0; i < call->arg_count; i++) {
		if (call->args[i].slot == slot)
			return &call->args[i];
	}
	return NULL;
}

static bool check_comparator(struct sieve_binding *b, struct sieve_arg *arg)
{
	static const struct {
		const char *name;
		enum sieve_extension extension;
	} known[] = {
		[COMPARE_ASCII_CASEMAP] = { "i;ascii-casemap", EXT_NONE },
		[COMPARE_OCTET] = { "i;octet", EXT_NONE },
		[COMPARE_NUMERIC] = { "i;ascii-numeric", EXT_COMPARATOR_NUMERIC },
		[COMPARE_UNICODE] = { "i;unicode-casemap", EXT_COMPARATOR_UNICODE },
	};
	struct slice name = arg->items[0].text;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (!slice_equal(name, slice_from_str(known[i].name)))
			continue;
		if (known[i].extension != EXT_NONE && !b->program->has[known[i].extension])
			return sieve_wrong(b, "the comparator \"%s\" needs require \"%s\"",
			                   known[i].name, sieve_extension_text(known[i].extension));
		arg->choice = (int)i;
		return true;
	}
	return sieve_wrong(b, "there is no comparator \"%.*s\"", SLICE_ARG(name));
}

bool sieve_check_match(struct sieve_binding *b, struct sieve_call *call)
{
	struct sieve_arg *comparator = own_arg(call, SLOT_COMPARATOR);
	struct sieve_arg *match = own_arg(call, SLOT_MATCH);
	if (comparator && !check_comparator(b, comparator))
		return false;
	if (match && (match->choice == MATCH_VALUE || match->choice == MATCH_COUNT) &&
	    !find_relation(match->items[0].text, &match->number))
		return sieve_wrong(b, "a relation is one of gt, ge, lt, le, eq, ne, not \"%.*s\"",
		                   SLICE_ARG(match->items[0].text));
	if (comparator && match && comparator->choice == COMPARE_NUMERIC &&
	    (match->choice == MATCH_CONTAINS || match->choice == MATCH_MATCHES))
		return sieve_wrong(b, "i;ascii-numeric can't look for parts of a text");
	if (sieve_arg(call, SLOT_LAST) && !sieve_arg(call, SLOT_INDEX))
		return sieve_wrong(b, "\":last\" stands only beside \":index\"");
	if (sieve_arg(call, SLOT_INDEX) && sieve_arg(call, SLOT_INDEX)->number == 0)
		return sieve_wrong(b, "\":index\" counts from 1");
	if ((sieve_arg(call, SLOT_ANYCHILD) || sieve_arg(call, SLOT_MIME_OPTION)) &&
	    !sieve_arg(call, SLOT_MIME))
		return sieve_wrong(b, "\":anychild\" and what asks for parts of a field stand only "
		                      "beside \":mime\"");
	return true;
}

bool sieve_check_envelope(struct sieve_binding *b, struct sieve_call *call)
{
	static const char *const parts[] = { "from", "to", "auth" };
	const struct sieve_arg *arg = sieve_arg(call, SLOT_POSITION);
	for (size_t i = 0; i < arg->count; i++) {
		bool known = arg->items[i].variable;
		for (size_t k = 0; k < sizeof(parts) / sizeof(*parts); k++)
			known |= slice_equal_nocase(arg->items[i].text, slice_from_str(parts[k]));
		if (!known)
			return sieve_wrong(
				b, "an envelope has \"from\", \"to\" and \"auth\", no \"%.*s\"",
				SLICE_ARG(arg->items[i].text));
	}
	return sieve_check_match(b, call);
}

bool sieve_check_size(struct sieve_binding *b, struct sieve_call *call)
{
	return sieve_arg(call, SLOT_SIZE) ||
	       sieve_wrong(b, "\"size\" must have \":over\" or \":under\"");
}

/* --- dates ----------------------------------------------------------------------------- */

static bool check_date_part(struct sieve_binding *b, const struct sieve_call *call,
                            enum sieve_slot slot)
{
	const struct sieve_string *part = constant_of(call, slot);
	const struct sieve_string *zone = constant_of(call, SLOT_ZONE);
	int minutes;
	if (part && !sieve_date_part_is_known(part->text))
		return sieve_wrong(b, "there is no part \"%.*s\" of a date", SLICE_ARG(part->text));
	if (zone && !sieve_date_zone(zone->text, &minutes))
		return sieve_wrong(b, "a zone is written \"+0100\", not \"%.*s\"",
		                   SLICE_ARG(zone->text));
	return true;
}

bool sieve_check_date(struct sieve_binding *b, struct sieve_call *call)
{
	return check_date_part(b, call, SLOT_POSITION + 1) && sieve_check_match(b, call);
}

bool sieve_check_currentdate(struct sieve_binding *b, struct sieve_call *call)
{
	return check_date_part(b, call, SLOT_POSITION) && sieve_check_match(b, call);
}

/* --- actions --------------------------------------------------------------------------- */

bool sieve_check_flags(struct sieve_binding *b, struct sieve_call *call)
{
	const struct sieve_arg *names = sieve_arg(call, SLOT_POSITION);
	for (size_t i = 0; names && i < names->count; i++) {
		if (!b->program->has[EXT_VARIABLES])
			return sieve_wrong(b, "flags in a variable need require \"variables\"");
		if (!sieve_variable_name(names->items[i].text))
			return sieve_wrong(b, "\"%.*s\" is no name of a variable",
			                   SLICE_ARG(names->items[i].text));
	}
	return sieve_check_match(b, call);
}

bool sieve_check_fileinto(struct sieve_binding *b, struct sieve_call *call)
{
	const struct sieve_string *folder = constant_of(call, SLOT_POSITION);
	if (folder && (folder->text.len == 0 || slice_find_byte(folder->text, '\0') >= 0))
		return sieve_wrong(b, "\"%.*s\" is no name of a mailbox", SLICE_ARG(folder->text));
	if (sieve_arg(call, SLOT_MAILBOX_ID) && sieve_arg(call, SLOT_SPECIAL_USE))
		return sieve_wrong(b, "\":mailboxid\" and \":specialuse\" exclude each other");
	return true;
}

static bool check_address(struct sieve_binding *b, const struct sieve_string *s)
{
	struct slice address;
	return !s || machine_address(b->arena, s->text, &address) ||
	       sieve_wrong(b, "\"%.*s\" is no address", SLICE_ARG(s->text));
}

/* NEVER, or some of SUCCESS, FAILURE and DELAY, as RFC 3461 has them. */
static bool check_dsn(struct sieve_binding *b, const struct sieve_call *call)
{
	const struct sieve_string *ret = constant_of(call, SLOT_DSN_RET);
	const struct sieve_string *notify = constant_of(call, SLOT_DSN_NOTIFY);
	if (ret && !slice_equal_nocase(ret->text, SLICE("FULL")) &&
	    !slice_equal_nocase(ret->text, SLICE("HDRS")))
		return sieve_wrong(b, "what follows \":ret\" must be FULL or HDRS");
	return !notify || notify->text.len > 0 ||
	       sieve_wrong(b, "what follows \":notify\" must not be empty");
}

bool sieve_check_redirect(struct sieve_binding *b, struct sieve_call *call)
{
	return (sieve_arg(call, SLOT_LIST) || check_address(b, constant_of(call, SLOT_POSITION))) &&
	       check_dsn(b, call);
}

static bool check_fcc(struct sieve_binding *b, const struct sieve_call *call)
{
	if (!sieve_arg(call, SLOT_FCC) &&
	    (sieve_arg(call, SLOT_FLAGS) || sieve_arg(call, SLOT_CREATE) ||
	     sieve_arg(call, SLOT_MAILBOX_ID) || sieve_arg(call, SLOT_SPECIAL_USE)))
		return sieve_wrong(b, "what says where a copy goes stands only beside \":fcc\"");
	return true;
}

bool sieve_check_vacation(struct sieve_binding *b, struct sieve_call *call)
{
	return check_address(b, constant_of(call, SLOT_FROM)) && check_fcc(b, call);
}

bool sieve_check_notify(struct sieve_binding *b, struct sieve_call *call)
{
	const struct sieve_string *method = constant_of(call, SLOT_POSITION);
	const struct sieve_string *importance = constant_of(call, SLOT_IMPORTANCE);
	if (method && !slice_starts_with_nocase(method->text, SLICE("mailto:")))
		return sieve_wrong(b, "\"%.*s\": notices go only by mail (mailto:)",
		                   SLICE_ARG(method->text));
	if (importance && (importance->text.len != 1 || importance->text.data[0] < '1' ||
	                   importance->text.data[0] > '3'))
		return sieve_wrong(b, "an importance is \"1\", \"2\" or \"3\"");
	return check_address(b, constant_of(call, SLOT_FROM)) && check_fcc(b, call);
}

/* --- variables and scripts ------------------------------------------------------------- */

bool sieve_check_set(struct sieve_binding *b, struct sieve_call *call)
{
	struct slice name = sieve_arg(call, SLOT_POSITION)->items[0].text;
	if (!sieve_variable_name(name) || byte_is_digit(name.data[0]))
		return sieve_wrong(b, "\"%.*s\" is no name of a variable", SLICE_ARG(name));
	if (slice_find_byte(name, '.') >= 0 &&
	    (!b->program->has[EXT_INCLUDE] || !slice_starts_with_nocase(name, SLICE("global."))))
		return sieve_wrong(b, "there are no variables \"%.*s\"", SLICE_ARG(name));
	return true;
}

bool sieve_check_edit(struct sieve_binding *b, struct sieve_call *call)
{
	const struct sieve_string *name = constant_of(call, SLOT_POSITION);
	bool valid = !name || (name->text.len > 0 && name->text.len <= 76);
	for (size_t i = 0; name && valid && i < name->text.len; i++)
		valid = name->text.data[i] > ' ' && name->text.data[i] < 0x7F &&
		        name->text.data[i] != ':';
	if (!valid)
		return sieve_wrong(b, "\"%.*s\" is no name of a field", SLICE_ARG(name->text));
	if (slice_equal_nocase(slice_from_str(call->spec->name), SLICE("addheader")))
		return true;
	return sieve_check_match(b, call);
}

static bool is_script_name(struct slice name)
{
	bool valid = name.len > 0 && name.len <= 512;
	for (size_t i = 0; valid && i < name.len; i++)
		valid = (unsigned char)name.data[i] >= ' ' && name.data[i] != '/' &&
		        name.data[i] != 0x7F;
	return valid;
}

bool sieve_check_include(struct sieve_binding *b, struct sieve_call *call)
{
	struct slice name = sieve_arg(call, SLOT_POSITION)->items[0].text;
	return is_script_name(name) ||
	       sieve_wrong(b, "\"%.*s\" is no name of a script", SLICE_ARG(name));
}

bool sieve_check_global(struct sieve_binding *b, struct sieve_call *call)
{
	const struct sieve_arg *names = sieve_arg(call, SLOT_POSITION);
	if (!b->program->has[EXT_VARIABLES])
		return sieve_wrong(b, "\"global\" needs require \"variables\"");
	for (size_t i = 0; i < names->count; i++) {
		if (!sieve_variable_name(names->items[i].text) ||
		    slice_find_byte(names->items[i].text, '.') >= 0 ||
		    byte_is_digit(names->items[i].text.data[0]))
			return sieve_wrong(b, "\"%.*s\" is no name of a variable",
			                   SLICE_ARG(names->items[i].text));
	}
	return true;
}

bool sieve_check_replace(struct sieve_binding *b, struct sieve_call *call)
{
	return check_address(b, constant_of(call, SLOT_FROM));
}
