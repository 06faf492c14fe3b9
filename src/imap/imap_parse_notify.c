#include "imap/imap_parse_notify.h"

#include "base/cursor.h"

/* ["(" fetch-att *(SP fetch-att) ")"] behind MessageNew */
static bool take_attributes(struct cursor *c, struct arena *arena, struct imap_event_group *group)
{
	struct cursor at = *c;
	if (!imap_take_space(&at) || cursor_peek(&at) != '(')
		return true;
	*c = at;
	group->fetch = ARENA_NEW(arena, struct imap_fetch);
	return imap_take_fetch(c, arena, group->fetch);
}

static bool take_event(struct cursor *c, struct arena *arena, struct imap_event_group *group,
                       struct imap_notify_request *request)
{
	static const struct {
		struct slice word;
		enum imap_event event;
	} words[] = {
		{ { "MessageNew", 10 }, EVENT_MESSAGE_NEW },
		{ { "MessageExpunge", 14 }, EVENT_MESSAGE_EXPUNGE },
		{ { "FlagChange", 10 }, EVENT_FLAG_CHANGE },
		{ { "MailboxName", 11 }, EVENT_MAILBOX_NAME },
		{ { "SubscriptionChange", 18 }, EVENT_SUBSCRIPTION_CHANGE },
		{ { "MailboxMetadataChange", 21 }, EVENT_MAILBOX_METADATA },
		{ { "ServerMetadataChange", 20 }, EVENT_SERVER_METADATA },
	};
	struct slice other;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!imap_take_word(c, words[i].word))
			continue;
		group->events |= words[i].event;
		return words[i].event != EVENT_MESSAGE_NEW || take_attributes(c, arena, group);
	}
	request->unknown = true;
	return imap_take_atom(c, &other);
}

/* events = "(" event *(SP event) ")" / "NONE" */
static bool take_events(struct cursor *c, struct arena *arena, struct imap_event_group *group,
                        struct imap_notify_request *request)
{
	if (imap_take_word(c, SLICE("NONE")))
		return true;
	if (!take_byte(c, '('))
		return false;
	do {
		if (!take_event(c, arena, group, request))
			return false;
	} while (imap_take_space(c));
	return take_byte(c, ')');
}

static bool is_selected(const struct imap_event_group *group)
{
	return group->filter.kind == FILTER_SELECTED ||
	       group->filter.kind == FILTER_SELECTED_DELAYED;
}

/* Section 5: MessageNew and MessageExpunge stand together, FlagChange not without them. Section
 * 6.1: of the selected mailbox there are message events alone, once. */
static bool is_possible(const struct imap_event_group *group,
                        const struct imap_notify_request *request)
{
	unsigned both = group->events & (EVENT_MESSAGE_NEW | EVENT_MESSAGE_EXPUNGE);
	if (both == EVENT_MESSAGE_NEW || both == EVENT_MESSAGE_EXPUNGE ||
	    (!both && (group->events & EVENT_FLAG_CHANGE)))
		return false;
	if (is_selected(group))
		return !(group->events & ~(unsigned)EVENTS_MESSAGE) && !request->selected;
	return !group->fetch && group->filter.kind != FILTER_SUBTREE_ONE;
}

/* event-group = "(" filter-mailboxes SP events ")" */
static bool take_group(struct cursor *c, struct arena *arena, struct imap_notify_request *request)
{
	struct imap_event_group *group = &request->groups[request->count];
	if (request->count == IMAP_NOTIFY_GROUPS_MAX || !take_byte(c, '(') ||
	    !imap_take_filter(c, arena, &group->filter) || !imap_take_space(c) ||
	    !take_events(c, arena, group, request) || !take_byte(c, ')'))
		return false;
	if (!request->unknown && !is_possible(group, request))
		return false;
	if (is_selected(group))
		request->selected = group;
	request->count++;
	return true;
}

bool imap_take_notify(struct cursor *c, struct arena *arena, struct imap_notify_request *out)
{
	*out = (struct imap_notify_request){ .set = false };
	if (imap_take_word(c, SLICE("NONE")))
		return true;
	out->set = true;
	out->groups = ARENA_ARRAY(arena, IMAP_NOTIFY_GROUPS_MAX, struct imap_event_group);
	if (!imap_take_word(c, SLICE("SET")) || !imap_take_space(c))
		return false;
	out->status = imap_take_word(c, SLICE("STATUS"));
	if (out->status && !imap_take_space(c))
		return false;
	do {
		if (!take_group(c, arena, out))
			return false;
	} while (imap_take_space(c));
	return true;
}
