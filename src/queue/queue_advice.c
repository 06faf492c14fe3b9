/* What a sender can do about a failure: by its status (RFC 3463). */
#include "queue/queue_dsn.h"

/* Detail -1 stands for all that are not told by themselves. */
static const struct {
	int subject, detail;
	const char *text;
} advice[] = {
	{ 1, 1,
	  "There is no such mailbox. Check the address for mistakes, or ask for the new one." },
	{ 1, 2, "There is no such domain. Check what stands behind the @ for mistakes." },
	{ 1, 3, "This is no address. Check it for mistakes." },
	{ 1, 6, "The recipient has moved. Ask for the new address." },
	{ 1, 7, "Your own address is not accepted. Check how it is set in your mail program." },
	{ 1, 8, "Your own address is not accepted. Check how it is set in your mail program." },
	{ 1, 10, "The domain takes no mail at all. Look for another address." },
	{ 1, -1, "Check the address for mistakes." },
	{ 2, 1, "The mailbox is closed. Reach the recipient in another way." },
	{ 2, 2,
	  "The mailbox is full. Try again in some days, or reach the recipient in another "
	  "way." },
	{ 2, 3, "The message is too large for this mailbox. Send less at a time, or a link." },
	{ 3, 4, "The message is too large for the other host. Send less at a time, or a link." },
	{ 4, 4,
	  "No host takes mail for this domain. Check what stands behind the @ for mistakes." },
	{ 4, 6, "The mail would go round in a circle. Tell the postmaster of that domain." },
	{ 4, 7,
	  "The other host could not be reached, or put us off, for too long. Send the message "
	  "again later." },
	{ 5, 3, "The message has too many recipients. Send it to some at a time." },
	{ 6, 3,
	  "The other host does not take the message in this form, and as it is signed or "
	  "encrypted it\r\n    can't be put into another. Send it without a signature, or as "
	  "plain text without attachments." },
	{ 6, 7,
	  "The address, yours or the recipient's, has letters beyond ASCII, which the other "
	  "host does not\r\n    know (SMTPUTF8). Use an address in plain letters, if there is "
	  "one." },
	{ 6, -1, "The other host does not take the contents. Send them in another form." },
	{ 7, 10,
	  "The message may go by verified encryption only, and the other host offers none. "
	  "Send it without\r\n    that demand if it may be read on the way." },
	{ 7, 30,
	  "The message may go by verified encryption only, and the other host does not "
	  "promise to keep that.\r\n    Send it without that demand if it may be read on the "
	  "way." },
	{ 7, -1,
	  "The other host does not want this message. What it says above may tell why; if "
	  "not, ask the\r\n    recipient in another way, or your postmaster." },
};

const char *queue_dsn_advice(struct smtp_enhanced status)
{
	for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++) {
		if (advice[i].subject == (int)status.subject &&
		    (advice[i].detail == (int)status.detail || advice[i].detail < 0))
			return advice[i].text;
	}
	return "Send the message again later. If it fails again, ask your postmaster.";
}
