/* For units: a directory with a configuration in it. */
#ifndef VEREDUS_CONFIG_CONFIG_TESTING_H
#define VEREDUS_CONFIG_CONFIG_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct config_place {
	char dir[64];
	char path[96]; /* of veredus.conf, which is not there yet */
};

/* 0, or -1 as a setup of cmocka returns it. Who makes it removes it. */
static inline int config_place_make(struct config_place *p)
{
	snprintf(p->dir, sizeof(p->dir), "/tmp/veredus-config-XXXXXX");
	if (!mkdtemp(p->dir))
		return -1;
	snprintf(p->path, sizeof(p->path), "%s/veredus.conf", p->dir);
	return 0;
}

static inline void config_place_write(const struct config_place *p, const char *name,
                                      const char *text)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

#endif
