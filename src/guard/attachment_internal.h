/* What the files that look at attachments share. */
#ifndef VEREDUS_GUARD_ATTACHMENT_INTERNAL_H
#define VEREDUS_GUARD_ATTACHMENT_INTERNAL_H

#include "guard/attachment.h"
#include "guard/unpack.h"

struct attachment_looking {
	struct arena *arena;
	const struct config_attachments *config;
	struct attachment_facts *facts;
	struct unpack_budget budget;
};

struct attachment_file {
	struct slice path; /* for people: "a.zip/b.doc" */
	struct slice name; /* "b.doc" */
	struct slice type; /* as declared, "image/png"; empty: not at all */
	struct slice bytes;
	enum sniff_kind kind;
	unsigned depth; /* of archives that it is in */
};

/* Each is told once. */
void attachment_add(struct attachment_looking *l, const char *kind, struct slice path,
                    const char *evidence);
/* attachment_inside.c: of documents, what is in them that runs. */
void attachment_look_inside(struct attachment_looking *l, const struct attachment_file *f);

#endif
