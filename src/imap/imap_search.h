/* Searching, for those that do more with what is found than to tell it. */
#ifndef VEREDUS_IMAP_IMAP_SEARCH_H
#define VEREDUS_IMAP_IMAP_SEARCH_H

#include "imap/imap_seek.h"

/* The UIDs of the messages of the selected mailbox that match, in the command's arena;
 * *unreadable_out is how many had to be left out. 0 or why rows can't be read. */
int imap_search_run(struct imap_command *c, struct imap_search *request, struct uid_set *uids_out,
                    unsigned *unreadable_out);
/* "* ESEARCH (TAG "a1") UID ...", and of another mailbox than the selected one its name (RFC 7377).
 */
void imap_esearch_tell(struct imap_command *c, const struct imap_search *request,
                       struct imap_seek *seek, const struct mailbox_info *mailbox);
/* The greatest MODSEQ of what is told (RFC 7162 section 3.1.5). */
uint64_t imap_told_mod_seq(const struct imap_search *request, struct imap_seek *seek);
/* UIDs of what MIN, MAX and PARTIAL tell, in the order that was asked for. */
struct imap_search_told {
	uint32_t first, last;
	struct uid_set part; /* empty without PARTIAL */
};
/* With SAVE: what "$" stands for from now on, all that was found; but if only the first, the last
 * or a part is asked for, that (RFC 5182 section 2.4; RFC 9394). */
void imap_search_save(struct imap_command *c, const struct imap_search *request,
                      const struct uid_set *uids, const struct imap_search_told *told);
/* The same, where the order is that of the UIDs. */
void imap_search_save_found(struct imap_command *c, const struct imap_search *request,
                            const struct uid_set *uids);
/* A search with SAVE that ends with NO leaves nothing in "$" (RFC 5182 section 2.1). */
void imap_search_end(struct imap_command *c, const struct imap_search *request);
/* Puts in what named searches stand for. False: NO [BADCHARSET], [UNDEFINED-FILTER], or BAD
 * [UIDREQUIRED] is set. */
bool imap_search_may_run(struct imap_command *c, struct imap_search *request);

/* Keys of SORT and THREAD, of what the envelope has: the date of sending in seconds, which is when
 * the message came if that is no date (RFC 5256 section 2.2), and the base subject, folded. */
int64_t imap_sent_date(struct slice date, const struct mailbox_message *row);
struct slice imap_sort_subject(struct arena *scratch, struct slice subject, bool *is_reply_out);

#endif
