#include "guard/geoip.h"

#include <errno.h>
#include <maxminddb.h>

struct geoip {
	MMDB_s db;
};

static int error_of(int status)
{
	switch (status) {
	case MMDB_SUCCESS:
		return 0;
	case MMDB_FILE_OPEN_ERROR:
		return errno > 0 ? -errno : -ENOENT;
	case MMDB_OUT_OF_MEMORY_ERROR:
		return -ENOMEM;
	default:
		return -EINVAL;
	}
}

int geoip_open(const char *path, struct geoip **out)
{
	struct geoip *g = mem_zero(1, sizeof(*g));
	errno = 0;
	int rc = error_of(MMDB_open(path, MMDB_MODE_MMAP, &g->db));
	if (rc < 0)
		free(g);
	else
		*out = g;
	return rc;
}

void geoip_close(struct geoip *g)
{
	if (!g)
		return;
	MMDB_close(&g->db);
	free(g);
}

void geoip_country(const struct geoip *g, const struct net_address *address,
                   char out[static GEOIP_COUNTRY_MAX])
{
	static const char *const path[] = { "country", "iso_code", NULL };
	MMDB_entry_data_s data;
	int status;
	out[0] = '\0';
	if (!g || address->any.sa_family == AF_UNIX)
		return;
	MMDB_lookup_result_s found = MMDB_lookup_sockaddr(&g->db, &address->any, &status);
	if (status != MMDB_SUCCESS || !found.found_entry ||
	    MMDB_aget_value(&found.entry, &data, path) != MMDB_SUCCESS || !data.has_data ||
	    data.type != MMDB_DATA_TYPE_UTF8_STRING || data.data_size != 2)
		return;
	for (size_t i = 0; i < 2; i++)
		out[i] = byte_upper(data.utf8_string[i]);
	out[2] = '\0';
}
