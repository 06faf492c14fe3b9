/* What the files of the post office share. */
#ifndef VEREDUS_ROUTE_POST_INTERNAL_H
#define VEREDUS_ROUTE_POST_INTERNAL_H

#include "route/post.h"
#include "route/queue_id.h"
#include "route/resolve.h"

enum { POST_OWNER_LEN = 16 };

struct post {
	struct post_config config;
	struct route_limits limits;
	struct queue_id_source ids;
	char owner[POST_OWNER_LEN + 1];
	_Atomic uint64_t results[POST_FAILED + 1]; /* of post_deliver() */
	_Atomic uint64_t bytes, mailboxes, queued;
};

#endif
