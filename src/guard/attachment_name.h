/* What the name of an attachment says about it, or hides. Pure. */
#ifndef VEREDUS_GUARD_ATTACHMENT_NAME_H
#define VEREDUS_GUARD_ATTACHMENT_NAME_H

#include "guard/sniff.h"

enum name_class {
	NAME_OTHER,
	NAME_PROGRAM,
	NAME_SCRIPT,
	NAME_SHORTCUT, /* to something that is run then */
	NAME_MARKUP,
	NAME_HARMLESS, /* what people open without a second thought: documents, images, texts */
};

/* By the last extension; *accepted_out has a bit for each kind (1u << kind) that a file of that
 * name may be, or 0: any. */
enum name_class attachment_name_class(struct slice name, uint32_t *accepted_out);
/* "invoice.pdf.exe" */
bool attachment_name_is_double(struct slice name);
/* It has letters that turn it around, that can't be seen, or much space in front of its end. */
bool attachment_name_is_hidden(struct slice name);

#endif
