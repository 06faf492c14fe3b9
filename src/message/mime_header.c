#include "message/mime_header.h"

/* What is done with a field. */
enum keeping {
	KEEP_RAW,      /* the value as it stands, in struct mime_fields */
	KEEP_UNFOLDED, /* on one line, in struct mime_part */
	KEEP_TYPE,
	KEEP_DISPOSITION,
	KEEP_RECEIVED,
	KEEP_DELIVERED_TO,
};

struct kept_field {
	struct slice name;
	enum keeping keeping;
	size_t offset; /* of the slice for KEEP_RAW and KEEP_UNFOLDED */
};

#define RAW(text, member)                                                                          \
	{                                                                                          \
		.name = { text, sizeof(text) - 1 }, .offset = offsetof(struct mime_fields, member) \
	}
#define UNFOLDED(text, member)                                                                     \
	{                                                                                          \
		.name = { text, sizeof(text) - 1 }, .keeping = KEEP_UNFOLDED,                      \
		.offset = offsetof(struct mime_part, member)                                       \
	}
#define SPECIAL(text, how)                                                                         \
	{                                                                                          \
		.name = { text, sizeof(text) - 1 }, .keeping = (how)                               \
	}

static const struct kept_field kept_fields[] = {
	SPECIAL("Received", KEEP_RECEIVED),
	SPECIAL("Content-Type", KEEP_TYPE),
	UNFOLDED("Content-Transfer-Encoding", encoding_text),
	SPECIAL("Content-Disposition", KEEP_DISPOSITION),
	UNFOLDED("Content-ID", id),
	UNFOLDED("Content-Description", description),
	UNFOLDED("Content-Language", language),
	UNFOLDED("Content-Location", location),
	UNFOLDED("Content-MD5", md5),
	RAW("Date", date),
	RAW("Subject", subject),
	RAW("From", from),
	RAW("Sender", sender),
	RAW("Reply-To", reply_to),
	RAW("To", to),
	RAW("Cc", cc),
	RAW("Bcc", bcc),
	RAW("In-Reply-To", in_reply_to),
	RAW("Message-ID", message_id),
	RAW("References", references),
	RAW("TLS-Required", tls_required),
	SPECIAL("Delivered-To", KEEP_DELIVERED_TO),
};

static const struct kept_field *find_kept(struct slice name)
{
	for (size_t i = 0; i < sizeof(kept_fields) / sizeof(kept_fields[0]); i++) {
		const struct kept_field *k = &kept_fields[i];
		if (k->name.len == name.len &&
		    byte_lower(k->name.data[0]) == byte_lower(name.data[0]) &&
		    slice_equal_nocase(k->name, name))
			return k;
	}
	return NULL;
}

static void set_type(struct arena *arena, const struct message_limits *limits,
                     struct mime_part *part, struct slice value)
{
	struct slice type, subtype;
	if (part->type.len > 0)
		return;
	part->param_count = header_params(arena, value, limits->parameters, &subtype,
	                                  &part->params);
	type = slice_split(&subtype, '/');
	if (type.len == 0 || subtype.len == 0) {
		/* RFC 2045 section 5.2: what makes no sense counts as plain text. */
		type = SLICE("text");
		subtype = SLICE("plain");
	}
	part->type = type;
	part->subtype = subtype;
}

static void add_delivered_to(struct arena *arena, struct mime_fields *fields, struct slice value)
{
	size_t count = fields->delivered_to_count;
	if ((count & (count - 1)) == 0) {
		struct slice *grown = ARENA_ARRAY(arena, count ? count * 2 : 1, struct slice);
		if (count > 0)
			memcpy(grown, fields->delivered_to, count * sizeof(*grown));
		fields->delivered_to = grown;
	}
	fields->delivered_to[count] = slice_trim(value);
	fields->delivered_to_count++;
}

static inline struct slice *slice_at(void *base, size_t offset)
{
	return (struct slice *)(void *)((char *)base + offset);
}

static void keep_for_message(struct arena *arena, struct mime_fields *fields,
                             const struct kept_field *k, struct slice value)
{
	struct slice *first = NULL;
	if (k->keeping == KEEP_RECEIVED)
		fields->received_count++;
	else if (k->keeping == KEEP_DELIVERED_TO)
		add_delivered_to(arena, fields, value);
	else
		first = slice_at(fields, k->offset);
	if (first && !first->data)
		*first = value;
}

void mime_header_field(struct arena *arena, const struct message_limits *limits,
                       struct mime_part *part, const struct header_field *field)
{
	const struct kept_field *k = field->name.len > 0 ? find_kept(field->name) : NULL;
	if (!k)
		return;
	struct slice value = slice_sub(field->value, 0, limits->value_bytes);
	struct slice main;
	switch (k->keeping) {
	case KEEP_TYPE:
		set_type(arena, limits, part, value);
		break;
	case KEEP_DISPOSITION:
		if (part->disposition.len > 0)
			break;
		part->disposition_param_count = header_params(arena, value, limits->parameters,
		                                              &main, &part->disposition_params);
		part->disposition = main;
		break;
	case KEEP_UNFOLDED:
		if (slice_at(part, k->offset)->len == 0)
			*slice_at(part, k->offset) = header_unfold(arena, value);
		break;
	default:
		if (part->fields)
			keep_for_message(arena, part->fields, k, value);
		break;
	}
}

void mime_header_finish(struct arena *arena, struct mime_part *part, bool in_digest)
{
	if (part->type.len == 0 && in_digest) {
		part->type = SLICE("message");
		part->subtype = SLICE("rfc822");
	} else if (part->type.len == 0) {
		part->type = SLICE("text");
		part->subtype = SLICE("plain");
		part->params = ARENA_NEW(arena, struct header_param);
		part->params[0] = (struct header_param){ SLICE("charset"), SLICE("us-ascii") };
		part->param_count = 1;
	}
	if (part->encoding_text.len == 0)
		part->encoding_text = SLICE("7bit");
	part->encoding = mime_encoding_of(part->encoding_text);
}
