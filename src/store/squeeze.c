#include "store/squeeze.h"

#include <errno.h>
#include <pthread.h>

#include <zstd.h>

enum {
	LEVEL = 3, /* 6 takes twice as long and saves 1 % more */
	CONTEXTS_MAX = 8,
};

struct squeezer {
	pthread_mutex_t lock; /* of what follows */
	ZSTD_DCtx *idle[CONTEXTS_MAX];
	size_t idle_count;
	ZSTD_CCtx *packer; /* NULL: in use, or not made yet */
};

struct squeezer *squeezer_new(void)
{
	struct squeezer *q = mem_zero(1, sizeof(*q));
	pthread_mutex_init(&q->lock, NULL);
	return q;
}

void squeezer_free(struct squeezer *q)
{
	if (!q)
		return;
	for (size_t i = 0; i < q->idle_count; i++)
		ZSTD_freeDCtx(q->idle[i]);
	ZSTD_freeCCtx(q->packer);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

/* --- packing ------------------------------------------------------------------------- */

static ZSTD_CCtx *take_packer(struct squeezer *q)
{
	pthread_mutex_lock(&q->lock);
	ZSTD_CCtx *packer = q->packer;
	q->packer = NULL;
	pthread_mutex_unlock(&q->lock);
	if (packer)
		return packer;
	packer = ZSTD_createCCtx();
	if (packer) {
		ZSTD_CCtx_setParameter(packer, ZSTD_c_compressionLevel, LEVEL);
		ZSTD_CCtx_setParameter(packer, ZSTD_c_checksumFlag, 1);
	}
	return packer;
}

static void give_packer(struct squeezer *q, ZSTD_CCtx *packer)
{
	pthread_mutex_lock(&q->lock);
	ZSTD_CCtx *other = q->packer;
	q->packer = packer;
	pthread_mutex_unlock(&q->lock);
	ZSTD_freeCCtx(other);
}

bool squeeze(struct squeezer *q, struct arena *arena, struct slice bytes, struct slice *out)
{
	if (bytes.len < SQUEEZE_BYTES_MIN || bytes.len > SQUEEZE_BYTES_MAX)
		return false;
	ZSTD_CCtx *packer = take_packer(q);
	if (!packer)
		return false;
	size_t room = bytes.len - bytes.len * SQUEEZE_SAVES_PERCENT / 100;
	char *at = arena_alloc(arena, room);
	size_t len = ZSTD_compress2(packer, at, room, bytes.data, bytes.len);
	give_packer(q, packer);
	if (ZSTD_isError(len))
		return false;
	*out = slice_of(at, len);
	return true;
}

/* --- unpacking ----------------------------------------------------------------------- */

static ZSTD_DCtx *take_unpacker(struct squeezer *q)
{
	ZSTD_DCtx *unpacker = NULL;
	pthread_mutex_lock(&q->lock);
	if (q->idle_count > 0)
		unpacker = q->idle[--q->idle_count];
	pthread_mutex_unlock(&q->lock);
	return unpacker ? unpacker : ZSTD_createDCtx();
}

static void give_unpacker(struct squeezer *q, ZSTD_DCtx *unpacker)
{
	pthread_mutex_lock(&q->lock);
	bool kept = q->idle_count < CONTEXTS_MAX;
	if (kept)
		q->idle[q->idle_count++] = unpacker;
	pthread_mutex_unlock(&q->lock);
	if (!kept)
		ZSTD_freeDCtx(unpacker);
}

int squeeze_length(struct slice frame, uint64_t *length_out)
{
	unsigned long long length = ZSTD_getFrameContentSize(frame.data, frame.len);
	if (length == ZSTD_CONTENTSIZE_ERROR || length == ZSTD_CONTENTSIZE_UNKNOWN ||
	    length > SQUEEZE_BYTES_MAX)
		return -EBADMSG;
	*length_out = length;
	return 0;
}

int unsqueeze(struct squeezer *q, struct slice frame, char *out, uint64_t length)
{
	ZSTD_DCtx *unpacker = take_unpacker(q);
	if (!unpacker)
		return -ENOMEM;
	size_t len = ZSTD_decompressDCtx(unpacker, out, length, frame.data, frame.len);
	give_unpacker(q, unpacker);
	return ZSTD_isError(len) || len != length ? -EBADMSG : 0;
}
