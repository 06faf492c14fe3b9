/* What the operator holds, drops, returns or sends another way may be in memory already, leased and
 * waiting for a connection: it goes back to the table, where the rows say what is wished. Jobs are
 * given back whole; recipients that were not meant are due at once, and come again. */
#include "base/hash.h"
#include "queue/queue_internal.h"

static struct slice key_of(const int64_t *message)
{
	return slice_of((const char *)message, sizeof(*message));
}

void queue_withdraw(struct queue *q, const struct queue_place *places, size_t count)
{
	struct queue_withdrawal *w = &q->withdrawal;
	pthread_mutex_lock(&w->lock);
	if (!w->messages && count > 0)
		w->messages = hash_new();
	for (size_t i = 0; i < count; i++)
		hash_put(w->messages, key_of(&places[i].message), w);
	pthread_mutex_unlock(&w->lock);
	queue_kick(q);
}

static bool is_wanted(const struct queue_job *job, void *messages)
{
	return hash_find(messages, key_of(&job->message)) != NULL;
}

static void give_back(struct queue *q, struct queue_job *job)
{
	job->ended_ms = clock_wall_ms();
	for (size_t i = 0; i < job->count; i++) {
		job->targets[i].end = QUEUE_END_RETURNED;
		job->targets[i].due_ms = job->ended_ms;
	}
	queue_record_put(q, job);
}

void queue_withdraw_now(struct queue *q)
{
	struct queue_withdrawal *w = &q->withdrawal;
	struct list jobs;
	pthread_mutex_lock(&w->lock);
	struct hash *messages = w->messages;
	w->messages = NULL;
	pthread_mutex_unlock(&w->lock);
	if (!messages)
		return;
	list_init(&jobs);
	queue_ready_withdraw(q->ready, is_wanted, messages, &jobs);
	LIST_EACH (&jobs, link, following) {
		struct queue_job *job = LIST_ENTRY(link, struct queue_job, link);
		list_remove(&job->link);
		give_back(q, job);
	}
	hash_free(messages);
}
