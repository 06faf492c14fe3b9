/* Which country an address is in, by a database in MaxMind's format (GeoLite2 Country, DB-IP Lite
 * and others): a file, read through libmaxminddb; nothing is asked over the network. The file is
 * mapped into memory. */
#ifndef VEREDUS_GUARD_GEOIP_H
#define VEREDUS_GUARD_GEOIP_H

#include "net/address.h"

enum { GEOIP_COUNTRY_MAX = 4 }; /* "DE" and a NUL, with room */

struct geoip;
/* 0; -ENOENT, -EACCES; -EINVAL: it is no such database. */
int geoip_open(const char *path, struct geoip **out);
void geoip_close(struct geoip *g);
/* [any thread] The code of ISO 3166-1, in capitals; "" if it is not known. g may be NULL. */
void geoip_country(const struct geoip *g, const struct net_address *address,
                   char out[static GEOIP_COUNTRY_MAX]);

#endif
