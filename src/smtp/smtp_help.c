/* HELP: one page a command and an extension, told where it is enabled and nowhere else. */
#include "base/buf.h"
#include "smtp/smtp_session.h"

enum { LIST_MAX = 4096, LIST_COLUMNS = 72 };

struct help_page {
	const char *topic;
	const char *text; /* lines of some 80 columns, parted by LF */
};

static const struct help_page pages[] = {
	{ "HELO", "HELO host\n"
	          "Begins a session without extensions: RFC 5321 section 4.1.1.1.\n"
	          "host is the name of the client, or its address as [192.0.2.1] or\n"
	          "[IPv6:2001:db8::1]. Use EHLO instead if the client knows it." },
	{ "EHLO", "EHLO host\n"
	          "Begins a session: RFC 5321 section 4.1.1.1. host is the name of the client, or\n"
	          "its address as [192.0.2.1] or [IPv6:2001:db8::1].\n"
	          "The reply lists the extensions that this session may use now, one a line. It\n"
	          "may differ after STARTTLS and after AUTH, so ask again then.\n"
	          "A transaction that was begun is forgotten, as by RSET." },
	{ "MAIL",
	  "MAIL FROM:<address> [parameters]\n"
	  "Begins a transaction: RFC 5321 section 4.1.1.2. The address is the one that\n"
	  "reports of failed delivery go to; <> is for mail that nobody is to answer.\n"
	  "Then follow RCPT for each recipient, and DATA (or BDAT).\n"
	  "Parameters come with extensions: see HELP SIZE, 8BITMIME, SMTPUTF8, DSN, AUTH." },
	{ "RCPT", "RCPT TO:<address> [parameters]\n"
	          "Names one recipient: RFC 5321 section 4.1.1.3. Repeat it for each one.\n"
	          "250 means that the recipient is taken; 550, 551 and 553 that it never will be;\n"
	          "450, 451 and 452 that it may be later. Others of the transaction are not\n"
	          "affected. <postmaster> needs no domain.\n"
	          "Parameters: NOTIFY and ORCPT, see HELP DSN." },
	{ "DATA",
	  "DATA\n"
	  "Announces the message: RFC 5321 section 4.1.1.4. After the reply 354 send header,\n"
	  "empty line and body, each line ended by CR LF. Double the first dot of lines that\n"
	  "begin with one. A line with a dot alone ends the message.\n"
	  "250 means that the message is safely stored and will be delivered." },
	{ "BDAT",
	  "BDAT size [LAST]\n"
	  "Sends a chunk of the message: RFC 3030. Exactly size bytes follow at once, with\n"
	  "no dots doubled; the chunk with LAST ends the message. Not to be mixed with DATA." },
	{ "BURL",
	  "BURL url [LAST]\n"
	  "Takes the message, or a piece of it, from a mailbox here: RFC 4468. The IMAP URL is\n"
	  "of the sender's own, or authorized for them (URLAUTH). May be mixed with BDAT;\n"
	  "the one with LAST ends the message. What fails, fails the transaction." },
	{ "RSET", "RSET\n"
	          "Forgets the transaction: sender, recipients and chunks (RFC 5321 section\n"
	          "4.1.1.5). Greeting, TLS and login stay." },
	{ "NOOP", "NOOP [text]\n"
	          "Does nothing, and says so: RFC 5321 section 4.1.1.9." },
	{ "QUIT", "QUIT\n"
	          "Ends the session: RFC 5321 section 4.1.1.10. A transaction that was not\n"
	          "completed by the end of its message is forgotten." },
	{ "VRFY",
	  "VRFY address [SMTPUTF8]\n"
	  "Asks whether an address is of a user here: RFC 5321 section 3.5.\n"
	  "250 tells the full address, 251 where its mail is forwarded to, 252 that mail\n"
	  "would be taken and no more is told, 550 that there is no such user, and 553 that\n"
	  "a name without a domain means several." },
	{ "EXPN", "EXPN address [SMTPUTF8]\n"
	          "Asks for the members of a list: RFC 5321 section 3.5. 250 tells them, one a\n"
	          "line; 550 says that there is no such list, or that its members are not told." },
	{ "HELP", "HELP [topic]\n"
	          "Tells about this server, or about a command or extension: RFC 5321 section\n"
	          "4.1.1.8. Without a topic it lists those that may be used in this session." },
	{ "STARTTLS",
	  "STARTTLS\n"
	  "Turns the connection to TLS: RFC 3207. After the reply 220 the client begins the\n"
	  "handshake. Then the session begins anew: say EHLO again, as other extensions\n"
	  "may be offered now." },
	{ "AUTH",
	  "AUTH mechanism [initial-response]\n"
	  "Logs in: RFC 4954. EHLO lists the mechanisms; after STARTTLS there may be more.\n"
	  "Each 334 asks for a line in base64; a line with * alone cancels.\n"
	  "235 says that it worked, 535 that name or password were wrong.\n"
	  "MAIL takes AUTH=address, in xtext, which says who submitted the message first;\n"
	  "it is believed if it is one of yours, or if you may relay." },
	{ "ETRN",
	  "ETRN name | @domain | #queue\n"
	  "Asks for what waits for the domain of that name to be sent now, over a new\n"
	  "connection to where the DNS or the route says: RFC 1985. @ means the domain and\n"
	  "those below it; #all all mail; # and the name of a smarthost what goes there.\n"
	  "250 the queue run began; 251 nothing waits; 252 what waits is being sent already;\n"
	  "253 so many wait, and are sent now; 458 not possible now; 459 not allowed." },
	{ "ATRN",
	  "ATRN [domain[,domain]...]\n"
	  "Fetches mail: RFC 2645. Log in first. After the reply 250 the connection turns\n"
	  "round: greet with 220, and take what is sent for these domains, or for all that\n"
	  "the account may fetch.\n"
	  "450 not for this account; 451 not now; 453 there is no mail; 530 log in first." },
	{ "TURN",
	  "TURN\n"
	  "Turns the connection round: RFC 821 section 3.8. After the reply 250 greet with\n"
	  "220 and take the mail for the domains that the account that has logged in, or the\n"
	  "certificate of the client, may fetch; 502 if there are none." },
	{ "SEND",
	  "SEND FROM:<address>\n"
	  "Begins a transaction as MAIL does, but the message is shown on the terminals of\n"
	  "the recipients: RFC 821 section 3.4. 450 says that one is not logged in, or takes\n"
	  "no messages (mesg n)." },
	{ "SOML", "SOML FROM:<address>\n"
	          "As SEND; for who is not logged in the message goes to the mailbox." },
	{ "SAML", "SAML FROM:<address>\n"
	          "As MAIL; and whoever is logged in sees the message on the terminal, too." },
	{ "VERB", "VERB\n"
	          "Has what becomes of the next message told in lines of 050 before its 250." },
	{ "ONEX", "ONEX\n"
	          "Says that one message follows, and no other. It changes nothing here." },
	{ "XUSR", "XUSR\n"
	          "Says that the messages come from a user, and not from another server: they are\n"
	          "completed as on the submission port, if the client may relay." },
	{ "SIZE",
	  "MAIL FROM:<address> SIZE=bytes\n"
	  "Declares how large the message will be: RFC 1870. What is larger than EHLO said\n"
	  "behind SIZE is refused by 552 at once; recipients without so much room by 452." },
	{ "PIPELINING",
	  "Commands may be sent without waiting for the reply to the one before: RFC 2920.\n"
	  "EHLO, STARTTLS, AUTH, DATA, VRFY, EXPN, ETRN, NOOP and QUIT end such a group." },
	{ "8BITMIME", "MAIL FROM:<address> BODY=7BIT|8BITMIME\n"
	              "The body may have bytes above 127, in lines as ever: RFC 6152." },
	{ "SMTPUTF8", "MAIL FROM:<address> SMTPUTF8\n"
	              "Addresses in the envelope and in the header may be UTF-8: RFC 6531.\n"
	              "VRFY and EXPN take the word behind the address." },
	{ "CHUNKING", "The message may be sent in chunks: RFC 3030. See HELP BDAT." },
	{ "BINARYMIME",
	  "MAIL FROM:<address> BODY=BINARYMIME\n"
	  "The body may be any bytes, without lines: RFC 3030. Send it by BDAT; DATA is\n"
	  "refused then. See HELP BDAT." },
	{ "DSN", "MAIL FROM:<address> RET=FULL|HDRS ENVID=xtext\n"
	         "RCPT TO:<address> NOTIFY=NEVER|SUCCESS,FAILURE,DELAY ORCPT=type;xtext\n"
	         "Says what is reported to the sender: RFC 3461.\n"
	         "RET     what of the message comes back with a report: all of it (FULL) or its\n"
	         "        header (HDRS)\n"
	         "ENVID   a name for the transaction that comes back in reports\n"
	         "NOTIFY  of which events: NEVER alone, or any of SUCCESS (it was delivered, or\n"
	         "        handed to a host that knows no DSN), FAILURE, DELAY. Without it: of\n"
	         "        failures\n"
	         "ORCPT   the recipient as the sender wrote it first, such as\n"
	         "        rfc822;bob@example.com; it comes back in reports\n"
	         "In xtext a plus, an equals sign and what is not printable are written as a plus\n"
	         "and two hexadecimal digits: +2B." },
	{ "ENHANCEDSTATUSCODES",
	  "Replies have a second code such as 5.1.1 behind the first: RFC 2034. RFC 3463 and\n"
	  "the registry of RFC 5248 say what each means." },
	{ "REQUIRETLS",
	  "MAIL FROM:<address> REQUIRETLS\n"
	  "The message goes on only to hosts whose certificates are verified and that know\n"
	  "REQUIRETLS too, or it comes back: RFC 8689. Offered under TLS." },
	{ "DELIVERBY",
	  "MAIL FROM:<address> BY=seconds;R|N[T]\n"
	  "The message is to be delivered in so many seconds: RFC 2852. If it is not: R has\n"
	  "it returned, N has the sender told and delivery go on. T has each host that\n"
	  "takes it say so." },
	{ "FUTURERELEASE",
	  "MAIL FROM:<address> HOLDFOR=seconds|HOLDUNTIL=2026-12-24T18:00:00Z\n"
	  "The message is kept and sent later: RFC 4865. EHLO says for how long at most." },
	{ "MT-PRIORITY",
	  "MAIL FROM:<address> MT-PRIORITY=number\n"
	  "What is more urgent goes first: RFC 6710. From -9 to 9; 0 is what is usual." },
	{ "LIMITS",
	  "EHLO says behind LIMITS how many messages, recipients and recipient domains a\n"
	  "session may have: RFC 9422. What is beyond is refused." },
	{ "NO-SOLICITING",
	  "MAIL FROM:<address> SOLICIT=keywords\n"
	  "Says what kind of solicitation the message is: RFC 3865. EHLO names the kinds\n"
	  "that are not wanted here." },
	{ "XCLIENT",
	  "XCLIENT name=value...\n"
	  "Tells for whom a trusted proxy speaks: NAME, ADDR, PORT, PROTO, HELO, LOGIN,\n"
	  "DESTADDR, DESTPORT, in xtext, or [UNAVAILABLE]. The session begins anew." },
	{ "XFORWARD",
	  "XFORWARD name=value...\n"
	  "Tells a filter's other side where a message came from, for the log: NAME, ADDR,\n"
	  "PORT, PROTO, HELO, IDENT, SOURCE, in xtext, or [UNAVAILABLE]." },
	{ "LHLO", "LHLO host\n"
	          "Begins a session of LMTP: RFC 2033. As EHLO, but after the end of a message\n"
	          "there is a reply for each recipient that was taken." },
};

#define PAGE_COUNT (sizeof(pages) / sizeof(pages[0]))

static bool is_told(const struct smtp_session *s, const struct help_page *page)
{
	struct slice topic = slice_from_str(page->topic);
	return smtp_command_is_enabled(s, topic) || smtp_extension_is_offered(s, topic);
}

/* The topics, as many in a line as fit. */
static void list_topics(const struct smtp_session *s, struct buf *out)
{
	size_t column = LIST_COLUMNS;
	for (size_t i = 0; i < PAGE_COUNT; i++) {
		size_t len = strlen(pages[i].topic);
		if (!is_told(s, &pages[i]))
			continue;
		bool breaks = column + len >= LIST_COLUMNS;
		buf_printf(out, "%s%s", breaks ? "\n  " : " ", pages[i].topic);
		column = breaks ? len + 2 : column + len + 1;
	}
}

static void say_overview(struct smtp_session *s)
{
	struct buf text = buf_make(LIST_MAX);
	buf_append(&text, SLICE("This is Veredus " VEREDUS_VERSION ". HELP and one of these tells "
	                        "more:"));
	list_topics(s, &text);
	buf_append(&text, SLICE("\nMail to postmaster reaches who runs this host."));
	smtp_say_help(s, buf_slice(&text));
	buf_free(&text);
}

/* help = "HELP" [SP String] CRLF                                     RFC 5321, section 4.1.1.8 */
void smtp_help(struct smtp_session *s, struct slice argument)
{
	if (argument.len == 0) {
		say_overview(s);
		return;
	}
	for (size_t i = 0; i < PAGE_COUNT; i++) {
		if (slice_equal_nocase(slice_from_str(pages[i].topic), argument) &&
		    is_told(s, &pages[i])) {
			smtp_say_help(s, slice_from_str(pages[i].text));
			return;
		}
	}
	smtp_say(s, SMTP_ANSWER_NO_SUCH_HELP);
}
