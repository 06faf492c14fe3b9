/* Showing what was answered. */
#include <time.h>

#include "cli/cli_admin.h"

void cli_print_json(const json_t *item, void *unused)
{
	(void)unused;
	json_dumpf(item, stdout, JSON_COMPACT);
	putchar('\n');
}

const char *cli_item_text(const json_t *item, const char *key)
{
	const char *text = json_string_value(json_object_get(item, key));
	return text ? text : "";
}

long long cli_item_number(const json_t *item, const char *key)
{
	return json_integer_value(json_object_get(item, key));
}

const char *cli_bytes(long long bytes, char out[static 32])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double value = (double)bytes;
	size_t unit = 0;
	while (value >= 1024 && unit < 4) {
		value /= 1024;
		unit++;
	}
	snprintf(out, 32, unit && value < 100 ? "%.1f %s" : "%.0f %s", value, units[unit]);
	return out;
}

const char *cli_date(long long wall_ms, char out[static 32])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm parts;
	localtime_r(&seconds, &parts);
	strftime(out, 32, "%Y-%m-%d %H:%M:%S", &parts);
	return out;
}
