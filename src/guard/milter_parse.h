/* The milter protocol, version 6, as libmilter speaks it: packets and what stands in them. Pure.
 *
 *     packet  = length command data          length: of command and data, 32 bits, network order
 *
 * There is no specification but libmilter's own headers (mfdef.h); names follow them. */
#ifndef VEREDUS_GUARD_MILTER_PARSE_H
#define VEREDUS_GUARD_MILTER_PARSE_H

#include "base/arena.h"
#include "base/buf.h"
#include "config/config_guard.h"

enum {
	MILTER_VERSION = 6,
	MILTER_VERSION_MIN = 2,
	MILTER_VERSION_DATA = 4,         /* the first that knows of DATA */
	MILTER_CHUNK_MAX = 65535,        /* of a body, or one header field; libmilter's limit */
	MILTER_PACKET_MAX = 1024 * 1024, /* that we read: nothing sensible is longer */
};

/* What a filter wants to do (SMFIF_) and to be spared (SMFIP_). */
enum {
	MILTER_MAY_ALL = 0x1FF, /* all that version 6 knows; what comes is always handled */
	MILTER_NO_CONNECT = 0x1,
	MILTER_NO_HELO = 0x2,
	MILTER_NO_MAIL = 0x4,
	MILTER_NO_RCPT = 0x8,
	MILTER_NO_BODY = 0x10,
	MILTER_NO_HEADER = 0x20,
	MILTER_NO_EOH = 0x40,
	MILTER_QUIET_HEADER = 0x80, /* it does not answer */
	MILTER_NO_UNKNOWN = 0x100,
	MILTER_NO_DATA = 0x200,
	MILTER_SKIP = 0x400,
	MILTER_QUIET_CONNECT = 0x1000,
	MILTER_QUIET_HELO = 0x2000,
	MILTER_QUIET_MAIL = 0x4000,
	MILTER_QUIET_RCPT = 0x8000,
	MILTER_QUIET_DATA = 0x10000,
	MILTER_QUIET_UNKNOWN = 0x20000,
	MILTER_QUIET_EOH = 0x40000,
	MILTER_QUIET_BODY = 0x80000,
	MILTER_LEADING_SPACE = 0x100000, /* values have the space behind the colon */
	/* All but recipients that were refused. */
	MILTER_OFFERED = 0x1FF7FF,
};

enum milter_answer {
	MILTER_CONTINUE = 'c',
	MILTER_ACCEPT = 'a',
	MILTER_REJECT = 'r',
	MILTER_TEMPFAIL = 't',
	MILTER_DISCARD = 'd',
	MILTER_REPLY = 'y',
	MILTER_CONNFAIL = 'f',
	MILTER_SHUTDOWN = '4',
	MILTER_SKIPPED = 's',
	MILTER_PROGRESS = 'p',
	MILTER_ADD_HEADER = 'h',
	MILTER_INSERT_HEADER = 'i',
	MILTER_CHANGE_HEADER = 'm',
	MILTER_CHANGE_FROM = 'e',
	MILTER_ADD_RCPT = '+',
	MILTER_ADD_RCPT_ARGS = '2',
	MILTER_DELETE_RCPT = '-',
	MILTER_REPLACE_BODY = 'b',
	MILTER_QUARANTINE = 'q',
	MILTER_OPTIONS = 'O',
};

struct milter_options {
	uint32_t version, actions, protocol;
};

/* An answer taken apart; slices lie in the packet. */
struct milter_message {
	enum milter_answer answer;
	struct milter_options options;
	uint32_t index;    /* of a header field: where it goes, or the how many-th of its name */
	struct slice name; /* of a header field; only bytes that such a name may have */
	struct slice
		value; /* of a header field, an address, a reason, a piece of a body, a reply */
};

/* 1 and the packet (without its length), which is then consumed; 0: there is more to come;
 * -EPROTO: it is too long, or empty. */
int milter_take_packet(struct slice *input, struct slice *packet_out);
/* 0, or -EPROTO: it is none that there is, or not as it should be. */
int milter_parse(struct slice packet, struct milter_message *out);
/* Of MILTER_REPLY: "550 5.7.1 No", also of several lines, which become one. False: it is none. */
bool milter_parse_reply(struct arena *arena, struct slice value, struct config_reply *out);

/* Writing. Strings end with a NUL in the protocol: one inside becomes a space. */
void milter_put_begin(struct buf *out, char command, size_t *at_out);
void milter_put_number(struct buf *out, uint32_t number);
void milter_put_string(struct buf *out, struct slice text);
/* Writes the length of what was begun at `at`. */
void milter_put_end(struct buf *out, size_t at);
/* The value of a field, line ends as LF, cut so that the packet keeps within MILTER_CHUNK_MAX. */
void milter_put_value(struct buf *out, struct slice value, bool leading_space);
/* ftext of RFC 5322 section 3.6.8, and not too long. */
bool milter_is_field_name(struct slice name);
/* A field as it stands in a message: "Name:" value CRLF. Folds are mended, so that a value can't
 * begin a field of its own, nor end the header. */
void milter_field_text(struct buf *out, struct slice name, struct slice value, bool leading_space);

#endif
