/* What the files that look at attachments share. */
#ifndef VEREDUS_GUARD_ATTACHMENT_INTERNAL_H
#define VEREDUS_GUARD_ATTACHMENT_INTERNAL_H

#include "guard/attachment.h"
#include "guard/unpack.h"

typedef void attachment_tell(void *arg, struct slice fact);

struct attachment_looking {
	struct arena *arena;
	const struct config_attachments *config;
	struct attachment_facts *facts;
	struct unpack_budget budget;
	attachment_tell *tell; /* each fact when it is found; NULL: nobody */
	void *tell_arg;
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
/* All files of a message, in this process and on this thread. */
void attachment_look_here(struct slice message, const struct config_attachments *config,
                          const struct message_limits *limits, attachment_tell *tell, void *arg);
/* attachment_inside.c: of documents, what is in them that runs. */
void attachment_look_inside(struct attachment_looking *l, const struct attachment_file *f);

#endif
