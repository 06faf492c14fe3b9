#include "store/db_vfs.h"

#include <sqlite3.h>

#include "base/arena.h"

#define VFS_NAME "veredus"

enum {
	GATHER_BYTES = 127 << 10, /* SQLite takes less than 128 KiB a write */
	PAGE_BYTES = 4096,
	FILL_LEAST = 64 << 10, /* ahead of what is written */
	FILL_MOST = 1 << 20,
};

/* SQLite allocates this; the file of the VFS below lies behind it. */
struct log_file {
	sqlite3_file base;
	char *gathered;
	sqlite3_int64 offset; /* of what is gathered */
	int len;
	sqlite3_int64 end;    /* of what was written last */
	sqlite3_int64 filled; /* how long the file is, as far as known */
	sqlite3_file *real;
};

static sqlite3_file *real_of(sqlite3_file *file) { return ((struct log_file *)file)->real; }

/* What could not be written is forgotten: SQLite rolls back, and writes there again. */
static int flush(sqlite3_file *file)
{
	struct log_file *f = (struct log_file *)file;
	int len = f->len;
	f->len = 0;
	if (len == 0)
		return SQLITE_OK;
	f->end = f->offset + len;
	return f->real->pMethods->xWrite(f->real, f->gathered, len, f->offset);
}

static int log_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 offset)
{
	struct log_file *f = (struct log_file *)file;
	if (f->len > 0 && (offset != f->offset + f->len || len > GATHER_BYTES - f->len)) {
		int rc = flush(file);
		if (rc != SQLITE_OK)
			return rc;
	}
	if (len > GATHER_BYTES)
		return f->real->pMethods->xWrite(f->real, bytes, len, offset);
	if (!f->gathered)
		f->gathered = mem_alloc(GATHER_BYTES);
	if (f->len == 0)
		f->offset = offset;
	memcpy(f->gathered + f->len, bytes, (size_t)len);
	f->len += len;
	return SQLITE_OK;
}

static int log_close(sqlite3_file *file)
{
	struct log_file *f = (struct log_file *)file;
	int rc = flush(file);
	int closed = f->real->pMethods->xClose(f->real);
	free(f->gathered);
	return rc != SQLITE_OK ? rc : closed;
}

static int log_read(sqlite3_file *file, void *out, int len, sqlite3_int64 offset)
{
	int rc = flush(file);
	return rc != SQLITE_OK ? rc
	                       : real_of(file)->pMethods->xRead(real_of(file), out, len, offset);
}

static int log_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	int rc = flush(file);
	((struct log_file *)file)->filled = 0;
	return rc != SQLITE_OK ? rc : real_of(file)->pMethods->xTruncate(real_of(file), size);
}

/* Zeros behind what was written, half as much again within limits. A file that grows has its inode
 * written by each sync, which takes another turn of the disk; into what is there already a commit
 * only writes its pages. SQLite stops at the first frame that is none, so zeros end a log. */
static void fill_ahead(struct log_file *f)
{
	sqlite3_int64 size;
	if (f->end <= f->filled || f->real->pMethods->xFileSize(f->real, &size) != SQLITE_OK)
		return;
	f->filled = size;
	if (f->end < size)
		return;
	sqlite3_int64 more = f->end / 2 < FILL_MOST ? f->end / 2 : FILL_MOST;
	sqlite3_int64 until = f->end + (more > FILL_LEAST ? more : FILL_LEAST);
	until -= until % PAGE_BYTES;
	memset(f->gathered, 0, GATHER_BYTES);
	while (f->filled < until) {
		sqlite3_int64 left = until - f->filled;
		int len = left < GATHER_BYTES ? (int)left : GATHER_BYTES;
		/* No room: then the log grows as it is written. */
		if (f->real->pMethods->xWrite(f->real, f->gathered, len, f->filled) != SQLITE_OK)
			return;
		f->filled += len;
	}
}

static int log_sync(sqlite3_file *file, int flags)
{
	int rc = flush(file);
	if (rc == SQLITE_OK)
		fill_ahead((struct log_file *)file);
	return rc != SQLITE_OK ? rc : real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int log_file_size(sqlite3_file *file, sqlite3_int64 *size_out)
{
	int rc = flush(file);
	return rc != SQLITE_OK ? rc : real_of(file)->pMethods->xFileSize(real_of(file), size_out);
}

static int log_lock(sqlite3_file *file, int level)
{
	return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int log_unlock(sqlite3_file *file, int level)
{
	return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int log_check_lock(sqlite3_file *file, int *reserved_out)
{
	return real_of(file)->pMethods->xCheckReservedLock(real_of(file), reserved_out);
}

static int log_control(sqlite3_file *file, int operation, void *arg)
{
	int rc = flush(file);
	return rc != SQLITE_OK
	               ? rc
	               : real_of(file)->pMethods->xFileControl(real_of(file), operation, arg);
}

static int log_sector_size(sqlite3_file *file)
{
	return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int log_characteristics(sqlite3_file *file)
{
	return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

/* Version 1: a log is neither shared nor mapped through its own file. */
static const sqlite3_io_methods log_methods = {
	.iVersion = 1,
	.xClose = log_close,
	.xRead = log_read,
	.xWrite = log_write,
	.xTruncate = log_truncate,
	.xSync = log_sync,
	.xFileSize = log_file_size,
	.xLock = log_lock,
	.xUnlock = log_unlock,
	.xCheckReservedLock = log_check_lock,
	.xFileControl = log_control,
	.xSectorSize = log_sector_size,
	.xDeviceCharacteristics = log_characteristics,
};

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                     int *flags_out)
{
	sqlite3_vfs *real = vfs->pAppData;
	if (!(flags & SQLITE_OPEN_WAL))
		return real->xOpen(real, name, file, flags, flags_out);
	struct log_file *f = (struct log_file *)file;
	*f = (struct log_file){ .real = (sqlite3_file *)(void *)(f + 1) };
	int rc = real->xOpen(real, name, f->real, flags, flags_out);
	if (f->real->pMethods)
		f->base.pMethods = &log_methods;
	return rc;
}

const char *db_vfs_gathering(void)
{
	if (sqlite3_vfs_find(VFS_NAME))
		return VFS_NAME;
	sqlite3_vfs *real = sqlite3_vfs_find(NULL);
	if (!real)
		return NULL;
	sqlite3_vfs *vfs = mem_alloc(sizeof(*vfs));
	*vfs = *real; /* whose other methods do not look at what they are called with */
	vfs->pNext = NULL;
	vfs->zName = VFS_NAME;
	vfs->pAppData = real;
	vfs->szOsFile = (int)sizeof(struct log_file) + real->szOsFile;
	vfs->xOpen = open_file;
	return sqlite3_vfs_register(vfs, 0) == SQLITE_OK ? VFS_NAME : NULL;
}
