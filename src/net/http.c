#include "net/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>

#include "base/buf.h"
#include "fiber/fiber.h"

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void curl_start(void)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		abort();
}

struct transfer {
	const struct http_request *request;
	struct buf body;
	long status;
	char content_type[128];
	struct curl_slist *resolve, *headers;
	CURLcode result;
	char why[CURL_ERROR_SIZE];
};

static size_t receive(char *data, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	return buf_append(&t->body, slice_of(data, size * count)) < 0 ? 0 : size * count;
}

/* "host:port:address,address..." */
static void set_addresses(CURL *curl, struct transfer *t)
{
	const struct http_request *r = t->request;
	struct arena *arena = arena_new();
	const char *line = arena_printf(arena, "%s:%u:", r->host, (unsigned)r->port);
	for (size_t i = 0; i < r->address_count; i++) {
		char ip[NET_ADDRESS_TEXT_MAX];
		bool is_v6 = r->addresses[i].any.sa_family == AF_INET6;
		net_address_ip(&r->addresses[i], ip);
		line = arena_printf(arena, is_v6 ? "%s%s[%s]" : "%s%s%s", line, i ? "," : "", ip);
	}
	t->resolve = curl_slist_append(NULL, line);
	curl_easy_setopt(curl, CURLOPT_RESOLVE, t->resolve);
	arena_free(arena);
}

static void set_body(CURL *curl, struct transfer *t)
{
	const struct http_request *r = t->request;
	struct arena *arena = arena_new();
	t->headers = curl_slist_append(NULL, arena_printf(arena, "Content-Type: %s", r->body_type));
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, t->headers);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, r->body.data);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
	arena_free(arena);
}

static void set_options(CURL *curl, struct transfer *t)
{
	const struct http_request *r = t->request;
	curl_easy_setopt(curl, CURLOPT_URL, r->url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
	curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)r->max_bytes);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "Veredus/" VEREDUS_VERSION);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, t->why);
	if (r->ca_path)
		curl_easy_setopt(curl, CURLOPT_CAINFO, r->ca_path);
	if (r->user) {
		curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
		curl_easy_setopt(curl, CURLOPT_USERNAME, r->user);
		curl_easy_setopt(curl, CURLOPT_PASSWORD, r->password);
	}
	if (r->address_count > 0)
		set_addresses(curl, t);
	if (r->body_type)
		set_body(curl, t);
	if (r->form)
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, r->form);
}

static void run(void *arg)
{
	struct transfer *t = arg;
	pthread_once(&curl_once, curl_start);
	CURL *curl = curl_easy_init();
	const char *type = NULL;
	t->result = CURLE_OUT_OF_MEMORY;
	if (!curl)
		return;
	set_options(curl, t);
	t->result = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &t->status);
	curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
	snprintf(t->content_type, sizeof(t->content_type), "%s", type ? type : "");
	curl_easy_cleanup(curl);
	curl_slist_free_all(t->resolve);
	curl_slist_free_all(t->headers);
}

static int error_of(const struct transfer *t)
{
	switch (t->result) {
	case CURLE_OK:
		return 0;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_FILESIZE_EXCEEDED:
		return -EMSGSIZE;
	case CURLE_WRITE_ERROR:
		return buf_failed(&t->body) ? -EMSGSIZE : -EIO;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return -EINVAL;
	default:
		return -EIO;
	}
}

int http_ask(const struct http_request *request, struct arena *arena, struct http_reply *reply)
{
	struct transfer t = { .request = request, .body = buf_make(request->max_bytes) };
	fiber_offload(run, &t);
	int rc = error_of(&t);
	*reply = (struct http_reply){
		.status = t.status,
		.is_untrusted = t.result == CURLE_PEER_FAILED_VERIFICATION,
		.content_type = arena_str(arena, slice_from_str(t.content_type)),
	};
	if (rc == 0)
		reply->body = arena_copy(arena, buf_slice(&t.body));
	else if (rc == -EMSGSIZE)
		reply->why = "the answer is too long";
	else
		reply->why = arena_str(
			arena, slice_from_str(t.why[0] ? t.why : curl_easy_strerror(t.result)));
	buf_free(&t.body);
	return rc;
}

const char *http_escape(struct arena *arena, struct slice text)
{
	static const char digits[] = "0123456789ABCDEF";
	char *out = arena_alloc(arena, text.len * 3 + 1), *at = out;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];
		if (byte_is_alnum((char)c) || c == '-' || c == '.' || c == '_') {
			*at++ = (char)c;
			continue;
		}
		*at++ = '%';
		*at++ = digits[c >> 4];
		*at++ = digits[c & 15];
	}
	*at = '\0';
	return out;
}
