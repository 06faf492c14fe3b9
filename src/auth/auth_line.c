#include "auth/auth_line.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"
#include "fiber/sync.h"

enum { CLIENT_PLACES = 2 };

struct auth_line_client {
	struct semaphore *places;
	struct slice key;
	unsigned logins; /* that have or want a place; the last frees this */
	char key_bytes[];
};

struct auth_line {
	struct semaphore *places;
	pthread_mutex_t lock; /* for what follows; never held across a wait */
	struct hash *clients;
};

struct auth_line *auth_line_new(int64_t places)
{
	struct auth_line *line = mem_zero(1, sizeof(*line));
	line->places = semaphore_new(places);
	line->clients = hash_new();
	pthread_mutex_init(&line->lock, NULL);
	return line;
}

void auth_line_free(struct auth_line *line)
{
	if (!line)
		return;
	semaphore_free(line->places);
	hash_free(line->clients);
	pthread_mutex_destroy(&line->lock);
	free(line);
}

static struct auth_line_client *client_new(struct slice key)
{
	struct auth_line_client *client = mem_zero(1, sizeof(*client) + key.len);
	memcpy(client->key_bytes, key.data, key.len);
	client->key = slice_of(client->key_bytes, key.len);
	client->places = semaphore_new(CLIENT_PLACES);
	return client;
}

static struct auth_line_client *client_get(struct auth_line *line, struct slice key)
{
	pthread_mutex_lock(&line->lock);
	struct auth_line_client *client = hash_find(line->clients, key);
	if (!client) {
		client = client_new(key);
		hash_put(line->clients, key, client);
	}
	client->logins++;
	pthread_mutex_unlock(&line->lock);
	return client;
}

static void client_put(struct auth_line *line, struct auth_line_client *client)
{
	pthread_mutex_lock(&line->lock);
	bool last = --client->logins == 0;
	if (last)
		hash_remove(line->clients, client->key);
	pthread_mutex_unlock(&line->lock);
	if (!last)
		return;
	semaphore_free(client->places);
	free(client);
}

int auth_line_enter(struct auth_line *line, const struct net_address *from, int64_t deadline,
                    struct auth_line_client **out)
{
	struct auth_line_client *client = client_get(line, from ? net_address_client(from)
	                                                        : SLICE("none"));
	int rc = semaphore_take(client->places, deadline);
	if (rc == 0) {
		rc = semaphore_take(line->places, deadline);
		if (rc < 0)
			semaphore_post(client->places);
	}
	if (rc < 0)
		client_put(line, client);
	else
		*out = client;
	return rc;
}

void auth_line_leave(struct auth_line *line, struct auth_line_client *client)
{
	semaphore_post(line->places);
	semaphore_post(client->places);
	client_put(line, client);
}
